"""Names in archives: memory use does not depend on their number or length."""

import io
import tarfile
import zipfile

import pytest

from core.formats import FormatError, Limits
from core.formats.containers.passed_over import NAMES_KEPT
from core.formats.image.images import ImageNotes, read_images


def pax_tar(members: list[tuple[str, dict[str, str]]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, headers in members:
            info = tarfile.TarInfo(name)
            info.pax_headers = headers
            archive.addfile(info)
    return out.getvalue()


def refused(content: bytes, name: str, limits: Limits | None = None) -> FormatError:
    with pytest.raises(FormatError) as caught:
        list(read_images(io.BytesIO(content), name, **({"limits": limits} if limits else {})))
    return caught.value


def zipped(names: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return out.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_of_unread_files_are_counted_and_not_all_kept(kind: str) -> None:
    names = [f"{number:05d}{'x' * 900}.doc" for number in range(3000)]
    content = zipped(names) if kind == "zip" else pax_tar([(name, {}) for name in names])
    notes = ImageNotes()
    with pytest.raises(FormatError) as caught:
        list(read_images(io.BytesIO(content), f"a.{kind}", notes=notes))
    assert caught.value.code == "no_images"
    assert "3000 other files" in caught.value.message
    assert notes.ignored.count == 3000
    assert len(notes.ignored.names) == NAMES_KEPT
    assert sum(map(len, notes.ignored.names)) <= NAMES_KEPT * 255


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("letter", ["x", "\N{PILE OF POO}"])
def test_a_name_longer_than_any_path(kind: str, letter: str) -> None:
    name = letter * (5000 // len(letter.encode())) + ".png"
    content = zipped([name]) if kind == "zip" else pax_tar([(name, {})])
    error = refused(content, f"a.{kind}")
    assert (error.code, "4,096" in error.message, len(str(error)) < 400) == ("archive_bomb", True, True)


def test_headers_of_a_tar_have_a_common_limit() -> None:
    """Thousands of headers of 1 MB each, which compress to some kilobytes."""
    limits = Limits(header_bytes=100_000)
    few = [(f"{number}.png", {"comment": "c" * 30_000}) for number in range(3)]
    assert len(list(read_images(io.BytesIO(pax_tar(few)), "a.tar", limits=limits))) == 3
    many = [(f"{number}.png", {"comment": "c" * 30_000}) for number in range(10)]
    assert refused(pax_tar(many), "a.tar", limits).code == "archive_bomb"


def test_each_file_of_a_tar_may_bring_its_own_small_header() -> None:
    limits = Limits(header_bytes=10_000)
    members = [(f"{number}.png", {"mtime": "1700000000.123456789"}) for number in range(300)]
    found = list(read_images(io.BytesIO(pax_tar(members)), "a.tar", limits=limits))
    assert [error.code for error in found if isinstance(error, FormatError)] == ["empty_file"] * 300


def test_many_headers_in_a_row_without_a_file() -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 512
    block = header.tobuf(tarfile.USTAR_FORMAT) + b"11 path=abc\n".ljust(512, b"\0")
    assert refused(block * 5000, "a.tar").code == "corrupt_archive"
