import { useId } from "react";
import type { Modality } from "./modality";
import type { Upload } from "./useUploads";

/** Delimiter and quotation mark of a CSV; the service detects those that are not set. */
export type Dialect = Partial<Record<"delimiter" | "quote", string>>;

/** The options that were set. */
export const readingOf = (dialect: Dialect): Dialect =>
  Object.fromEntries(Object.entries(dialect).filter(([, value]) => value !== ""));

const FIELDS: { name: keyof Dialect; label: string; options: [string, string][] }[] = [
  {
    name: "delimiter",
    label: "Delimiter",
    options: [
      [",", "comma ,"],
      [";", "semicolon ;"],
      ["tab", "tab"],
      ["|", "vertical bar |"],
    ],
  },
  {
    name: "quote",
    label: "Quotes",
    options: [
      ['"', 'double quotes "'],
      ["'", "single quotes '"],
      ["none", "none"],
    ],
  },
];

const DELIMITED = /\.([ct]sv(\.gz|\.zst)?|zip)$/i;

interface Props {
  modality: Modality | null;
  files: readonly Upload[];
  value: Dialect;
  onChange: (dialect: Dialect) => void;
}

/** Inputs for the dialect of CSV files; shown only if there may be one. */
export function DialectFields({ modality, files, value, onChange }: Props) {
  const id = useId();
  if (modality !== "text" || !files.some(({ file }) => DELIMITED.test(file.name))) return null;
  return (
    <div>
      <div className="form-grid">
        {FIELDS.map(({ name, label, options }) => (
          <div key={name}>
            <label className="field-label" htmlFor={`${id}-${name}`}>
              {label}
            </label>
            <select
              id={`${id}-${name}`}
              className="input"
              value={value[name] ?? ""}
              onChange={(event) => onChange({ ...value, [name]: event.target.value })}
            >
              <option value="">detect</option>
              {options.map(([choice, title]) => (
                <option key={choice} value={choice}>
                  {title}
                </option>
              ))}
            </select>
          </div>
        ))}
      </div>
      <p className="help">
        How every CSV and TSV that is sent from now on separates its fields and encloses them. Without quotes,
        a quotation mark is a character like any other. A file that was refused can be sent again.
      </p>
    </div>
  );
}
