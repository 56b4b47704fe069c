"""The groups in which `./run test` runs the tests in parallel."""

from tools.test import GROUPS, folders, groups


def test_every_folder_of_tests_is_in_one_group() -> None:
    found = folders()
    assert sorted(folder for group in groups(found) for folder in group) == sorted(found)
    assert {"api", "core/data", "core/test_rooms.py"} <= set(found)


def test_a_named_folder_exists_and_is_named_once() -> None:
    named = [folder for group in GROUPS for folder in group]
    assert len(named) == len(set(named))
    assert set(named) <= set(folders())
