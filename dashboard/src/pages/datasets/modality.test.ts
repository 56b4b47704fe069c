import { describe, expect, it } from "vitest";
import { gzipSync } from "node:zlib";
import { zipNames } from "./archives";
import { readingBy } from "./ColumnField";
import { isTable, modalityOf } from "./modality";
import { packed } from "./tar";

/** A zip's directory of empty files. */
function directory(names: string[]): Uint8Array<ArrayBuffer> {
  const parts = names.flatMap((name) => {
    const bytes = new TextEncoder().encode(name);
    const header = new Uint8Array(46);
    const view = new DataView(header.buffer);
    view.setUint32(0, 0x02014b50, true);
    view.setUint16(28, bytes.length, true);
    return [...header, ...bytes];
  });
  return new Uint8Array(parts);
}

const file = (name: string, content: BlobPart = "x") => new File([content], name);

describe("modalityOf", () => {
  it("goes by the names of files", async () => {
    expect(await modalityOf([file("a.JPG"), file("b.png")])).toBe("image");
    expect(await modalityOf([file("train-images-idx3-ubyte.gz")])).toBe("image");
    expect(await modalityOf([file("a.WAV"), file("b.flac"), file("c.opus")])).toBe("audio");
    expect(await modalityOf([file("corpus.jsonl.zst"), file("tokenizer.json")])).toBe("text");
    expect(await modalityOf([file("train.parquet")])).toBeNull();
  });

  it("looks into a zip", async () => {
    const names = ["train/cat/1.jpg", "train/cat/ü.webp", "README.md"];
    expect(zipNames(directory(names))).toEqual(names);
    expect(await modalityOf([file("pets.zip", directory(names))])).toBe("image");
    expect(await modalityOf([file("books.zip", directory(["a.txt", "cover.png", "b.txt"]))])).toBe("text");
    expect(await modalityOf([file("digits.zip", directory(["0/a.wav", "1/b.ogg", "README.md"]))])).toBe(
      "audio",
    );
    expect(await modalityOf([file("mixed.zip", directory(["a.wav", "b.png"]))])).toBeNull();
    expect(await modalityOf([file("other.zip", "no zip at all")])).toBeNull();
  });

  it("looks into a tar, compressed or not, and does not guess where it cannot", async () => {
    const names = ["0/a.wav", "1/b.wav", "2/c.wav", "cover.jpg"];
    const members = names.map((path) => ({ path, file: new Blob([path.repeat(400)]) }));
    const archive = packed("sounds.tar", members);
    expect(await modalityOf([archive])).toBe("audio");
    const zipped = gzipSync(new Uint8Array(await archive.arrayBuffer()));
    expect(await modalityOf([file("sounds.tar.gz", new Uint8Array(zipped))])).toBe("audio");
    expect(
      await modalityOf([file("sounds.tgz", new Uint8Array(zipped.subarray(0, zipped.length - 9)))]),
    ).toBe("audio");
    expect(await modalityOf([file("photos.tar.gz", "no gzip at all")])).toBeNull();
    expect(await modalityOf([file("photos.tar.zst")])).toBeNull();
  });
});

describe("columns", () => {
  it("are asked for of tables alone", () => {
    const names = ["a.parquet", "a.CSV.gz", "a.jsonl.zst", "a.txt", "a.zip", "a.wav"];
    expect(names.map(isTable)).toEqual([true, true, true, false, false, false]);
  });

  it("go by the modality", () => {
    expect(readingBy("text", "body")).toEqual({ text_column: "body" });
    expect(readingBy("image", "left")).toEqual({ image_column: "left" });
    expect([readingBy("audio", "x"), readingBy(null, "x"), readingBy("text", "")]).toEqual([{}, {}, {}]);
  });
});
