import { useId } from "react";
import type { UploadOptions } from "@/api/upload";
import { isTable, type Modality } from "./modality";
import type { Upload } from "./useUploads";

/** The service's parameter for the column with the samples; recordings are not in tables. */
const PARAMETERS = { text: "text_column", image: "image_column", audio: null } as const;

/** What is said of how files are read. */
export function readingBy(modality: Modality | null, column: string): UploadOptions["reading"] {
  const parameter = modality && PARAMETERS[modality];
  return parameter && column ? { [parameter]: column } : {};
}

interface Props {
  modality: Modality | null;
  files: readonly Upload[];
  value: string;
  onChange: (column: string) => void;
}

/** Which column of tables holds the samples; shown only if there is a table. */
export function ColumnField({ modality, files, value, onChange }: Props) {
  const id = useId();
  if (!modality || !PARAMETERS[modality] || !files.some(({ file }) => isTable(file.name))) return null;
  const [what, usual] =
    modality === "image"
      ? ["images", "image, else the only one of images"]
      : ["text", "text, else the only one of strings"];
  return (
    <div>
      <label className="field-label" htmlFor={id}>
        Column that holds the {what}
      </label>
      <input
        id={id}
        className="input"
        dir="auto"
        placeholder={usual}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <p className="help">Of every table that is sent from now on. One that was refused can be sent again.</p>
    </div>
  );
}
