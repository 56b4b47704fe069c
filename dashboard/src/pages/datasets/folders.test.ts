import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { filesOf } from "./folders";
import { packed } from "./tar";

const folder = mkdtempSync(join(tmpdir(), "seedbed-tar-"));
afterAll(() => rmSync(folder, { recursive: true }));

const found = (path: string, content = path) => ({
  path,
  file: new File([content], path.split("/").at(-1) ?? path),
});

async function unpacked(file: File | undefined): Promise<Record<string, string>> {
  if (!file) throw new Error("there is no archive");
  const path = join(folder, file.name);
  writeFileSync(path, new Uint8Array(await file.arrayBuffer()));
  const names = execFileSync("tar", ["tf", path], { encoding: "utf8" }).trim().split("\n");
  execFileSync("tar", ["xf", path, "-C", folder]);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

describe("filesOf", () => {
  test("a folder of images becomes an archive that keeps their folders", async () => {
    const files = filesOf([
      found("pets/dog/2.jpg"),
      found("pets/cat/1.jpg", "x".repeat(700)),
      found("pets/.DS_Store"),
      found("pets/README.md"),
    ]);
    expect(files.map((file) => file.name)).toEqual(["pets.tar"]);
    expect(await unpacked(files[0])).toEqual({
      "README.md": "pets/README.md",
      "cat/1.jpg": "x".repeat(700),
      "dog/2.jpg": "pets/dog/2.jpg",
    });
  });

  test("several folders keep their own names", async () => {
    const files = filesOf([found("cat/1.wav"), found("dog/1.wav"), found("notes.txt")]);
    expect(files.map((file) => file.name)).toEqual(["notes.txt", "folders.tar"]);
    expect(Object.keys(await unpacked(files[1]))).toEqual(["cat/1.wav", "dog/1.wav"]);
  });

  test("text is read file by file, its path in its name", () => {
    const files = filesOf([found("corpus/a/one.txt"), found("corpus/two.txt"), found("single.txt")]);
    expect(files.map((file) => file.name)).toEqual(["single.txt", "a_one.txt", "two.txt"]);
  });

  test("what the service opens itself stays beside the archive", () => {
    const files = filesOf([found("d/more.zip"), found("d/1.png")]);
    expect(files.map((file) => file.name)).toEqual(["d.tar", "more.zip"]);
  });
});

test("names of any length and alphabet come through, and the same files give the same bytes", async () => {
  const path = `${"ö".repeat(40)}/${"n".repeat(120)}.png`;
  const members = [{ path, file: new Blob(["content"]) }];
  const archive = packed("long.tar", members);
  const script =
    "import sys,tarfile; t=tarfile.open(sys.argv[1]); print([(m.name, m.size) for m in t] == [(sys.argv[2], 7)])";
  writeFileSync(join(folder, "long.tar"), new Uint8Array(await archive.arrayBuffer()));
  const told = execFileSync("python3", ["-c", script, join(folder, "long.tar"), path], { encoding: "utf8" });
  expect(told.trim()).toBe("True");
  expect(await packed("long.tar", members).text()).toBe(await archive.text());
});
