import { useId } from "react";
import type { Modality } from "./modality";
import type { Upload } from "./useUploads";

/** How a CSV separates and encloses its fields; what is empty or not there the service detects. */
export type Dialect = Partial<Record<"delimiter" | "quote", string>>;

/** What of it was said. */
export const saidOf = (dialect: Dialect): Dialect =>
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

/** How tables in plain text mark their fields; only shown where there may be one. */
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
