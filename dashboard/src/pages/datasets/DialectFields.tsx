import { useId } from "react";
import type { Modality } from "./modality";
import type { Upload } from "./useUploads";

/** How a CSV marks its fields; what is empty or not there the service finds out. */
export type Dialect = Partial<Record<"delimiter" | "quote", string>>;

/** What of it was said. */
export const saidOf = (dialect: Dialect): Dialect =>
  Object.fromEntries(Object.entries(dialect).filter(([, value]) => value !== ""));

const FIELDS: { name: keyof Dialect; label: string; options: [string, string][] }[] = [
  {
    name: "delimiter",
    label: "Between fields",
    options: [
      [",", "comma"],
      [";", "semicolon"],
      ["tab", "tab"],
      ["|", "bar"],
    ],
  },
  {
    name: "quote",
    label: "Around fields",
    options: [
      ['"', 'double quotes "'],
      ["'", "single quotes '"],
      ["none", "nothing"],
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
            <option value="">found out</option>
            {options.map(([choice, title]) => (
              <option key={choice} value={choice}>
                {title}
              </option>
            ))}
          </select>
        </div>
      ))}
      <p className="help">
        Of every CSV that is sent from now on. With nothing around fields, quotes are characters like others.
      </p>
    </div>
  );
}
