/** Writes plain data, as in specs, as YAML. The output is read back the same by any YAML 1.1 or 1.2 parser. */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };

// Words and numbers that YAML would not read as the text they are.
const RESERVED = /^(?:true|false|yes|no|on|off|y|n|null|~|[-+.]?\d.*|[-+]?\.(?:inf|nan).*|=|<<)$/i;
const PLAIN = /^[A-Za-z_][\w./ +()-]*$/;

function scalar(value: string | number | boolean | null): string {
  if (typeof value === "number") return number(value);
  if (typeof value !== "string") return String(value);
  return PLAIN.test(value) && !RESERVED.test(value) && !value.endsWith(" ") ? value : JSON.stringify(value);
}

// YAML 1.1 takes 1e-6 for text: an exponent needs a point before it.
function number(value: number): string {
  const text = String(value);
  return /^-?\d+e/.test(text) ? text.replace("e", ".0e") : text;
}

const isLeaf = (value: Json): value is string | number | boolean | null =>
  value === null || typeof value !== "object";

function lines(value: Json, indent: string): string[] {
  if (isLeaf(value)) return [indent + scalar(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const [first = "", ...rest] = lines(item, `${indent}  `);
      return [`${indent}- ${first.slice(indent.length + 2)}`, ...rest];
    });
  }
  return Object.entries(value).flatMap(([key, item]) => {
    if (item === undefined) return [];
    const name = `${indent}${scalar(key)}:`;
    if (isLeaf(item)) return [`${name} ${scalar(item)}`];
    if (Object.keys(item).length === 0) return [`${name} ${Array.isArray(item) ? "[]" : "{}"}`];
    return [name, ...lines(item, `${indent}  `)];
  });
}

export const toYaml = (value: Json): string => `${lines(value, "").join("\n")}\n`;
