import { bytes } from "@/lib/format";

export interface Chosen {
  name: string;
  size: number;
  /** Its content as a data URL. */
  url: string;
}

const ACCEPT = { image: "image/*", audio: ".wav,.flac,.ogg,audio/*" } as const;

/** The content without the beginning of a data URL, as the service takes it. */
export const base64Of = ({ url }: Chosen): string => url.replace(/^[^,]*,/, "");

const dataUrl = (file: File): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
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
  const take = (file: File | undefined) => {
    if (!file) return;
    dataUrl(file).then((url) => choose({ name: file.name, size: file.size, url }), fail);
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
