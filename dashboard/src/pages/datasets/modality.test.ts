import { describe, expect, it } from "vitest";
import { modalityOf, zipNames } from "./modality";

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
    expect(await modalityOf([file("photos.tar.gz")])).toBe("image");
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
});
