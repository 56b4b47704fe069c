"""Small valid files of every readable kind, made in code. For containers the members are kept, so that they can be mutated."""

import csv
import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import zstandard
from PIL import Image

Pack = Callable[[Mapping[str, bytes]], bytes]


@dataclass(frozen=True)
class Sample:
    """A valid file."""

    name: str
    modality: Literal["text", "image", "audio"]
    content: bytes
    members: Mapping[str, bytes] = field(default_factory=dict)
    """The members of an archive; of a compressed file, one member without a name; else empty."""
    pack: Pack | None = None
    """Builds the file from its members."""


def corpus() -> list[Sample]:
    """All samples; the same files at each call."""
    return [*_texts(), *_tokenizers(), *_images(), *_recordings()]


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(members: Mapping[str, bytes], layout: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _gz(members: Mapping[str, bytes]) -> bytes:
    return gzip.compress(members[""], mtime=0)


def _zst(members: Mapping[str, bytes]) -> bytes:
    return zstandard.compress(members[""])


def _holding(name: str, modality: Any, pack: Pack, members: Mapping[str, bytes]) -> Sample:
    return Sample(name, modality, pack(members), members, pack)


def _texts() -> list[Sample]:
    documents = [f"Document {n}: „Grüße“, 漢字 and words. " * (1 + n % 4) for n in range(12)]
    plain = "\n\n".join(documents).encode()
    lines = "".join(
        json.dumps({"id": n, "text": one, "tags": [n]}) + "\n" for n, one in enumerate(documents)
    ).encode()
    tables = {}
    for ending, delimiter in (("csv", ","), ("tsv", "\t")):
        out = io.StringIO()
        rows: list[list[object]] = [["id", "text"], *([n, f'{one} "q"\n'] for n, one in enumerate(documents))]
        csv.writer(out, delimiter=delimiter).writerows(rows)
        tables[f"a.{ending}"] = out.getvalue().encode()
    tables["b.csv"] = b'id;"a, b"\n' + b'1;x\n2;"y; z"\n' * 3
    parquet = _parquet(id=range(len(documents)), text=documents)
    nested = _parquet(
        text=pa.array(documents).dictionary_encode(),
        deep=[[{"a": n, "b": [n]}] for n in range(len(documents))],
    )
    words = "".join(f"word{n}\tB-x\nGrüße\tI-x\n漢字\tO\n\n" for n in range(12))
    conll = f"-DOCSTART-\tO\n\n{words}".encode()
    named = {
        "a.txt": plain,
        "a.conll": conll,
        "a.jsonl": lines,
        **tables,
        "a.parquet": parquet,
        "b.parquet": nested,
    }
    found = [Sample(name, "text", content) for name, content in named.items()]
    for name in ("a.txt", "a.jsonl", "a.csv", "a.parquet"):
        found.append(_holding(f"{name}.gz", "text", _gz, {"": named[name]}))
        found.append(_holding(f"{name}.zst", "text", _zst, {"": named[name]}))
    inside = {
        "docs/a.txt": plain,
        "docs/b.jsonl": lines,
        "c.csv": tables["a.csv"],
        "d.parquet": parquet,
        "f.conll": conll,
        "e.doc": b"x",
    }
    return [*found, _holding("a.zip", "text", zipped, inside)]


def _parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(
        pa.table({name: list(v) if isinstance(v, range) else v for name, v in columns.items()}), out
    )
    return out.getvalue()


def _tokenizers() -> list[Sample]:
    special = [
        {"id": n, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for n, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    ]  # fmt: skip
    vocabulary = {token["content"]: n for n, token in enumerate(special)} | {
        c: 5 + n for n, c in enumerate("abcdefgh ")
    }
    common = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "NFC"},
    }
    common |= {"pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None}
    bpe = {
        "type": "BPE",
        "dropout": None,
        "unk_token": "[UNK]",
        "vocab": vocabulary | {"ab": 14},
        "merges": [["a", "b"]],
    }
    pieces = [[token, -float(n)] for n, token in enumerate(vocabulary)]
    models = {
        "bpe": bpe,
        "wordpiece": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocabulary},
        "unigram": {"type": "Unigram", "unk_id": 1, "vocab": pieces, "byte_fallback": False},
        "wordlevel": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }  # fmt: skip
    return [
        Sample("tokenizer.json", "text", json.dumps(common | {"model": model}, indent=1).encode())
        for model in models.values()
    ]


def _picture(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (20, 28, 3), dtype=np.uint8)
    image = Image.fromarray(values)
    if mode == "I;16":
        image = Image.fromarray(values[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _images() -> list[Sample]:
    exif = Image.Exif()
    exif[0x0112] = 6
    other = Image.new("RGB", (28, 20), (9, 99, 200))
    again: dict[str, Any] = {"save_all": True, "append_images": [other]}
    named = {
        "rgb.png": _picture("PNG"), "palette.png": _picture("PNG", "P"), "deep.png": _picture("PNG", "I;16"),
        "bits.png": _picture("PNG", "1"), "clear.png": _picture("PNG", "RGBA"), "moving.png": _picture("PNG", **again),
        "a.jpg": _picture("JPEG", exif=exif), "progressive.jpg": _picture("JPEG", progressive=True),
        "cmyk.jpeg": _picture("JPEG", "CMYK"), "grey.jfif": _picture("JPEG", "L"),
        "a.webp": _picture("WEBP"), "exact.webp": _picture("WEBP", "RGBA", lossless=True), "moving.webp": _picture("WEBP", **again),
        "a.bmp": _picture("BMP"), "palette.bmp": _picture("BMP", "P"), "a.dib": _picture("DIB"),
        "a.tif": _picture("TIFF"), "pages.tiff": _picture("TIFF", **again), "deep.tiff": _picture("TIFF", "I;16"),
        **{f"{way}.tif": _picture("TIFF", compression=way)
           for way in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd")},
        "fax.tif": _picture("TIFF", "1", compression="group4"), "lab.tif": _picture("TIFF", "CMYK"),
    }  # fmt: skip
    found = [Sample(name, "image", content) for name, content in named.items()]
    tree = {
        f"{'train' if n % 3 else 'test'}/{'cat' if n % 2 else 'dog'}/{name}": named[name]
        for n, name in enumerate(named)
    }
    tree |= {"README": b"x", "__MACOSX/._a.png": b"x"}
    found += [
        _holding("a.zip", "image", zipped, tree),
        _holding("a.tar", "image", tarred, tree),
        _holding("gnu.tar", "image", lambda members: tarred(members, tarfile.GNU_FORMAT), tree | {"a" * 150 + "/x.png": named["rgb.png"]}),
        _holding("a.tar.gz", "image", lambda members: gzip.compress(tarred(members), mtime=0), tree),
        _holding("a.tar.zst", "image", lambda members: zstandard.compress(tarred(members)), tree),
    ]  # fmt: skip
    rows = [named["rgb.png"], named["a.jpg"], None]
    table = _parquet(image=[{"bytes": one, "path": "x"} for one in rows], label=[1.0, 2.0, None])
    found += [
        Sample("a.parquet", "image", table),
        _holding("b.parquet.gz", "image", _gz, {"": _parquet(img=rows, label=[0, 1, 2])}),
    ]
    pixels = struct.pack(">4I", 0x00000803, 3, 9, 9) + bytes(range(243))
    labels = struct.pack(">2I", 0x00000801, 3) + b"\x01\x02\x03"
    found += [
        Sample("t10k-images-idx3-ubyte", "image", pixels),
        Sample("x-labels-idx1-ubyte", "image", labels),
    ]
    return [*found, _holding("x-images-idx3-ubyte.gz", "image", _gz, {"": pixels})]


def _recordings() -> list[Sample]:
    def sound(kind: str, subtype: str, channels: int = 1, rate: int = 8000) -> bytes:
        values = np.random.default_rng(0).uniform(-0.9, 0.9, (600, channels))
        out = io.BytesIO()
        soundfile.write(out, values, rate, format=kind, subtype=subtype)
        return _ogg(out.getvalue()) if kind == "OGG" else _without_time(out.getvalue())

    named = {
        "pcm.wav": sound("WAV", "PCM_16"), "u8.wav": sound("WAV", "PCM_U8"), "deep.wav": sound("WAV", "PCM_24", 2),
        "float.wav": sound("WAV", "FLOAT"), "law.wav": sound("WAV", "ULAW"), "ima.wav": sound("WAV", "IMA_ADPCM"),
        "ms.wav": sound("WAV", "MS_ADPCM", 2), "gsm.wav": sound("WAV", "GSM610"), "ext.wav": sound("WAVEX", "PCM_16", 6),
        "long.wav": sound("RF64", "PCM_16"), "a.flac": sound("FLAC", "PCM_16", 2), "deep.flac": sound("FLAC", "PCM_24"),
        "a.ogg": sound("OGG", "VORBIS"), "a.opus": sound("OGG", "OPUS", rate=48000),
    }  # fmt: skip
    tree = {
        f"{'train' if n % 3 else 'val'}/s{n % 4}/{name}": content
        for n, (name, content) in enumerate(named.items())
    }
    said = {name: f"word {n} „Grüße“" for n, name in enumerate(named)}
    transcripts = {
        "said.csv": "".join(["file,text\n", *(f"{name},{text}\n" for name, text in said.items())]).encode(),
        "said.jsonl": "".join(
            json.dumps({"file": name, "text": text}) + "\n" for name, text in said.items()
        ).encode(),
        "said.parquet": _parquet(file=list(said), text=list(said.values())),
        "said.trans.txt": "".join(
            f"{name.partition('.')[0]} {text}\n" for name, text in said.items()
        ).encode(),
    }
    tree |= {"train/said.csv": transcripts["said.csv"], "val/said.trans.txt": transcripts["said.trans.txt"]}
    found = [Sample(name, "audio", content) for name, content in (named | transcripts).items()]
    return [*found, _holding("a.zip", "audio", zipped, tree), _holding("a.tar", "audio", tarred, tree)]


def _without_time(content: bytes) -> bytes:
    """A WAV file with 0 as the time of its loudest sample, which libsndfile writes into files of floats (chunk PEAK)."""
    at = content.find(b"PEAK")
    return content if at < 0 else content[: at + 12] + bytes(4) + content[at + 16 :]


def _ogg(content: bytes) -> bytes:
    """The Ogg stream with a fixed serial number instead of libsndfile's random one, and the checksum of each page corrected."""
    changed, at = bytearray(content), 0
    while at < len(changed):
        table = changed[at + 27 : at + 27 + changed[at + 26]]
        end = at + 27 + len(table) + sum(table)
        changed[at + 14 : at + 18] = struct.pack("<I", 1)
        changed[at + 22 : at + 26] = bytes(4)
        checksum = 0
        for byte in changed[at:end]:
            checksum ^= byte << 24
            for _ in range(8):
                checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
        changed[at + 22 : at + 26] = struct.pack("<I", checksum)
        at = end
    return bytes(changed)
