import { useEffect } from "react";
import { bytes } from "@/lib/format";

export interface Chosen {
  name: string;
  size: number;
  base64: string;
  /** For an `<img>` or `<audio>`. */
  url: string;
}

const ACCEPT = { image: "image/*", audio: ".wav,.flac,.ogg,audio/*" } as const;

const encoded = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve((reader.result as string).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });

interface Props {
  input: "image" | "audio";
  chosen: Chosen | null;
  choose: (chosen: Chosen) => void;
  fail: (error: unknown) => void;
}

/** Choose or drop an image or a recording; shows what was chosen. */
export function FileInput({ input, chosen, choose, fail }: Props) {
  useEffect(() => () => (chosen ? URL.revokeObjectURL(chosen.url) : undefined), [chosen]);
  const take = (file: File | undefined) => {
    if (!file) return;
    encoded(file).then(
      (base64) => choose({ name: file.name, size: file.size, base64, url: URL.createObjectURL(file) }),
      fail,
    );
  };
  return (
    // The input covers the whole area, and browsers let people drop a file on it.
    <label className="play-drop">
      <input
        type="file"
        accept={ACCEPT[input]}
        aria-label={input === "image" ? "Image" : "Recording"}
        onChange={(event) => take(event.target.files?.[0])}
      />
      {chosen && input === "image" && <img src={chosen.url} alt="" />}
      <span className="truncate">
        {chosen
          ? `${chosen.name}, ${bytes(chosen.size)}`
          : input === "image"
            ? "Choose an image, or drop it here."
            : "Choose a recording (WAV, FLAC, OGG), or drop it here."}
      </span>
    </label>
  );
}
