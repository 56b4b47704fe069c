"""Datasets through the SDK."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import seedbed
from PIL import Image
from seedbed import packing, uploads
from seedbed.guessing import guess_modality

from tests.client.faulty_proxy import Fault, FaultyProxy


def test_a_text_file_is_uploaded_and_the_dataset_completed(client: seedbed.Client, corpus: Path) -> None:
    dataset = client.datasets.create("docs")
    assert dataset.state == "open"
    sent: list[int] = []
    (file,) = client.datasets.upload(dataset.id, corpus, progress=sent.append)
    assert file.sha256 == hashlib.sha256(corpus.read_bytes()).hexdigest()
    assert sum(sent) == corpus.stat().st_size == file.bytes
    done = client.datasets.complete(dataset.id)
    assert (done.state, done.files, done.file_list[0].name) == ("ready", 1, "corpus.txt")
    assert client.datasets.complete(dataset.id) == done
    assert client.datasets.get(dataset.id) == done
    preview = client.datasets.preview(dataset.id, documents=2, characters=10)
    assert preview.documents[0].text == "The 0th do"


def test_a_directory_is_uploaded_with_flat_names(client: seedbed.Client, tmp_path: Path) -> None:
    for name in ("a.txt", "deep/b.txt", "deep/er/c.txt", ".hidden.txt", ".git/d.txt"):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"What {name} says.")
    dataset = client.datasets.create("docs").id
    client.datasets.upload(dataset, tmp_path / "texts")
    assert [f.name for f in client.datasets.get(dataset).file_list] == [
        "a.txt",
        "deep_b.txt",
        "deep_er_c.txt",
    ]


def _pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 100, 200)).save(path)
    return folder


def test_a_directory_of_images_keeps_its_classes(client: seedbed.Client, tmp_path: Path) -> None:
    long = f"dog/{'n' * 120}.png"
    pets = _pictures(tmp_path / "pets", "cat/1.png", "cat/ü.png", long, ".cache/no.png")
    (pets / "README.md").write_text("Not an image.")
    dataset = client.datasets.create("pets", modality="image").id
    sent: list[int] = []
    (file,) = client.datasets.upload(dataset, pets, progress=sent.append)
    assert (file.name, file.bytes) == ("pets.tar", sum(sent))
    done = client.datasets.complete(dataset)
    assert [(c["name"], c["images"]) for c in done.statistics["classes"]] == [("cat", 2), ("dog", 1)]


def test_packing_a_directory_twice_gives_the_same_bytes(client: seedbed.Client, tmp_path: Path) -> None:
    pets = _pictures(tmp_path / "pets", "cat/1.png", "dog/1.png")
    dataset = client.datasets.create("pets", modality="image").id
    (file,) = client.datasets.upload(dataset, pets)
    os.utime(pets / "cat" / "1.png", (0, 0))
    (packed,) = uploads.find_files([pets])
    assert uploads.digest_of(packed) == file.sha256
    assert packed.bytes == sum(map(len, packed.chunks())) == file.bytes


def test_each_of_several_directories_is_a_class(tmp_path: Path) -> None:
    _pictures(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "dog" / "more.zip").write_bytes(b"")
    files = uploads.find_files([tmp_path / "cat", tmp_path / "dog"])
    assert [file.name for file in files] == ["cat.tar", "dog.tar", "more.zip"]
    assert isinstance(files[0], packing.PackedFolder)
    assert [member.name for member in files[0].members] == ["cat/1.png"]


def _archive(path: Path, mode: str, *names: str) -> packing.LocalFile:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packing.LocalFile(path, path.name, path.stat().st_size)


def test_the_modality_is_guessed_from_names_inside_archives(tmp_path: Path) -> None:
    sounds = ("0/a.wav", "1/b.flac", "cover.jpg")
    assert guess_modality([_archive(tmp_path / "s.tar", "w", *sounds)]) == "audio"
    assert guess_modality([_archive(tmp_path / "s.tgz", "w:gz", *sounds)]) == "audio"
    assert guess_modality([_archive(tmp_path / "p.tar.gz", "w:gz", "1.png", "2.jpg")]) == "image"
    assert guess_modality(uploads.find_files([_pictures(tmp_path / "pets", "cat/1.png")])) == "image"
    assert guess_modality([packing.LocalFile(tmp_path / "a.txt", "a.txt", 1)]) == "text"


@pytest.mark.parametrize("name", ["closed.tar.zst", "broken.tar"])
def test_if_the_modality_cannot_be_guessed_it_must_be_given(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no archive at all")
    with pytest.raises(seedbed.InvalidFile, match="--modality"):
        guess_modality([packing.LocalFile(tmp_path / name, name, 17)])


def test_files_that_the_dataset_has_are_not_sent_again(
    client: seedbed.Client, faulty: seedbed.Client, proxy: FaultyProxy, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt", "c.txt")]
    for path in paths:
        path.write_text(f"What {path.name} says.")
    dataset = client.datasets.create("docs").id
    client.datasets.upload(dataset, paths[:2])
    paths[1].write_text("Something else.")
    sent: list[int] = []
    files = faulty.datasets.upload(dataset, paths, progress=sent.append)
    puts = [request.split()[1] for request in proxy.requests if request.startswith(b"PUT")]
    assert [path.rpartition(b"/")[2] for path in puts] == [b"b.txt", b"c.txt"]
    assert sum(sent) == sum(path.stat().st_size for path in paths)
    assert [file.sha256 for file in files] == [uploads.sha256(path) for path in paths]


def test_an_upload_whose_response_was_lost_is_sent_again(
    faulty: seedbed.Client, proxy: FaultyProxy, corpus: Path
) -> None:
    dataset = faulty.datasets.create("docs").id
    proxy.troubles.append(Fault(on=b"PUT /v1", cut_after=0))
    sent: list[int] = []
    (file,) = faulty.datasets.upload(dataset, corpus, progress=sent.append)
    assert sum(request.startswith(b"PUT") for request in proxy.requests) == 2
    assert sum(sent) == file.bytes, "what was sent again was taken back first"


def test_two_files_of_one_name_are_refused_before_anything_is_sent(
    client: seedbed.Client, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_text("One.")
    (tmp_path / "a_b.txt").write_text("Two.")
    dataset = client.datasets.create("docs").id
    with pytest.raises(seedbed.InvalidFile, match=r"both be called 'a_b\.txt'"):
        client.datasets.upload(dataset, tmp_path)
    assert client.datasets.get(dataset).files == 0


@pytest.mark.parametrize("name", ["nowhere.txt", "empty"])
def test_an_upload_of_nothing_is_refused(client: seedbed.Client, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(seedbed.InvalidFile, match=r"no file"):
        client.datasets.upload("ds_0", tmp_path / name)


def test_a_file_that_shrinks_under_the_upload_is_an_error(client: seedbed.Client, corpus: Path) -> None:
    dataset = client.datasets.create("docs").id
    file = packing.LocalFile(corpus, "corpus.txt", corpus.stat().st_size + 1)
    transport = client._transport
    with pytest.raises(seedbed.InvalidFile, match="became shorter"):
        uploads.send(transport, dataset, file, uploads.sha256(corpus))
    assert client.datasets.get(dataset).files == 0


def test_a_file_that_changed_after_it_was_hashed_is_refused(client: seedbed.Client, corpus: Path) -> None:
    dataset = client.datasets.create("docs").id
    file = packing.LocalFile(corpus, "corpus.txt", corpus.stat().st_size)
    digest = uploads.sha256(corpus)
    corpus.write_bytes(corpus.read_bytes()[::-1])
    with pytest.raises(seedbed.ApiError) as caught:
        uploads.send(client._transport, dataset, file, digest)
    assert caught.value.code == "digest_mismatch"


def test_a_file_that_the_service_cannot_use_is_refused_with_the_reason(
    client: seedbed.Client, tmp_path: Path
) -> None:
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    dataset = client.datasets.create("docs").id
    with pytest.raises(seedbed.Invalid) as caught:
        client.datasets.upload(dataset, tmp_path / "latin.txt")
    assert caught.value.code == "not_utf8"
    assert caught.value.request_id


def test_the_text_column_can_be_named(client: seedbed.Client, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("title,body\nOne,The first text.\nTwo,The second text.\n")
    dataset = client.datasets.create("docs").id
    (file,) = client.datasets.upload(dataset, path, text_column="body")
    assert (file.text_column, file.documents) == ("body", 2)


def test_the_image_column_can_be_named(client: seedbed.Client, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(picture, "PNG")
    columns = {name: [{"bytes": picture.getvalue(), "path": None}] for name in ("left", "right")}
    pq.write_table(pa.table(columns), tmp_path / "pairs.parquet")
    dataset = client.datasets.create("pairs", modality="image").id
    with pytest.raises(seedbed.Invalid) as caught:
        client.datasets.upload(dataset, tmp_path / "pairs.parquet")
    assert caught.value.code == "no_image_column"
    (file,) = client.datasets.upload(dataset, tmp_path / "pairs.parquet", image_column="right")
    assert file.samples == 1


def test_options_for_reading_a_table_are_passed_on(client: seedbed.Client, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id\ttext\n1\t'one\ttwo'\n2\tthree\n")
    dataset = client.datasets.create("docs").id
    (file,) = client.datasets.upload(dataset, path, delimiter="\t", quote="'")
    assert (file.delimiter, file.quote, file.documents, file.passed_over, file.notes) == (
        "\t",
        "'",
        2,
        [],
        [],
    )


def test_lists_fetch_their_pages_as_they_are_needed(
    faulty: seedbed.Client, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seedbed.paging.PAGE_SIZE", 2)
    made = [faulty.datasets.create(f"docs {number}").id for number in range(5)]
    listing = faulty.datasets.list()
    assert [dataset.id for dataset in listing] == made[::-1]
    assert [dataset.id for dataset in listing] == made[::-1], "a listing can be gone through again"
    proxy.requests.clear()
    assert next(iter(listing)).id == made[-1]
    assert len(proxy.requests) == 1


def test_a_deleted_dataset_is_not_found(client: seedbed.Client, corpus: Path) -> None:
    dataset = client.datasets.create("docs").id
    client.datasets.upload(dataset, corpus)
    client.datasets.delete_file(dataset, "corpus.txt")
    assert client.datasets.get(dataset).files == 0
    client.datasets.delete(dataset)
    with pytest.raises(seedbed.NotFound) as caught:
        client.datasets.get(dataset)
    assert caught.value.code == "dataset_not_found"


def test_a_deletion_whose_response_was_lost_is_no_error(faulty: seedbed.Client, proxy: FaultyProxy) -> None:
    dataset = faulty.datasets.create("docs").id
    proxy.troubles.append(Fault(on=b"DELETE", cut_after=0))
    faulty.datasets.delete(dataset)
    with pytest.raises(seedbed.NotFound):
        faulty.datasets.delete(dataset)


def test_a_version_adds_files_and_lists_its_chain(
    client: seedbed.Client, dataset: str, tmp_path: Path
) -> None:
    (tmp_path / "more.txt").write_text("Something new.\n\nAnd more of it.")
    version = client.datasets.create_version(dataset)
    assert (version.parent, version.version, version.state) == (dataset, 2, "open")
    client.datasets.upload(version.id, tmp_path / "more.txt")
    done = client.datasets.complete(version.id)
    assert done.added is not None
    assert (done.added.files, done.added.bytes) == (1, (tmp_path / "more.txt").stat().st_size)
    named = client.datasets.create_version(done.id, name="June")
    assert [(one.version, one.name) for one in client.datasets.versions(dataset)] == [
        (3, "June"),
        (2, "docs"),
        (1, "docs"),
    ]
    assert [file.inherited for file in named.file_list] == [True, True]
    assert client.datasets.continuation(done.id).spec is None
    with pytest.raises(seedbed.Conflict, match="complete it first"):
        client.datasets.create_version(named.id)
