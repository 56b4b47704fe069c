import { expect, test } from "vitest";
import { exportFormats } from "./exports";
import { task } from "./fixtures";

const format = (name: string, architectures: string[]) => ({
  format: name,
  title: name,
  summary: "",
  file: "model",
  library: "library",
  architectures,
});

const learned = task("write", "text", [], [], {
  networks: [
    { preset: "gpt2-tiny", architecture: "gpt2" },
    { preset: "llama-tiny", architecture: "llama" },
  ],
  exports: [format("onnx", ["gpt2", "llama"]), format("gguf", ["llama"])],
});

const names = (model: object, from: typeof learned | undefined = learned) =>
  exportFormats({ model }, from).map((one) => one.format);

test("formats are those of the network, by its architecture or its preset", () => {
  expect(names({ architecture: "llama" })).toEqual(["onnx", "gguf"]);
  expect(names({ architecture: "gpt2" })).toEqual(["onnx"]);
  expect(names({ preset: "llama-tiny" })).toEqual(["onnx", "gguf"]);
});

test("of a network that is not known all formats are offered, and of an unknown task none", () => {
  expect(names({})).toEqual(["onnx", "gguf"]);
  expect(exportFormats({ model: {} }, undefined)).toEqual([]);
});
