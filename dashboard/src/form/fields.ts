/** A form's fields, derived from a JSON Schema as Pydantic writes it for a closed, nested spec. */

export interface JsonSchema {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
  properties?: Record<string, JsonSchema>;
  required?: string[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

interface Common {
  /** Dotted path in the spec, as problems name it. */
  path: string;
  title: string;
  help: string;
}

export interface Leaf extends Common {
  /** `json` with `choices`: one of them, or another value in JSON. `lines`: a list of texts. */
  kind: "number" | "integer" | "text" | "boolean" | "choice" | "json" | "lines";
  required: boolean;
  nullable: boolean;
  /** The default value; `undefined` if there is none. */
  default: unknown;
  choices: string[];
  range: string;
}

export interface Group extends Common {
  kind: "group";
  /** Whether the spec may be without it; then `{}` differs from nothing, even if all of its fields have their defaults. */
  optional: boolean;
  fields: Field[];
}

export interface Variant {
  value: string;
  title: string;
  help: string;
  fields: Field[];
}

/** One of several groups, told apart by the field `tag`. */
export interface Union extends Common {
  kind: "union";
  tag: string;
  default: string | undefined;
  variants: Variant[];
}

export type Field = Leaf | Group | Union;

const ACRONYMS: Record<string, string> = {
  adamw: "AdamW",
  bpe: "BPE",
  dora: "DoRA",
  ewc: "EWC",
  ia3: "IA³",
  lora: "LoRA",
  lwf: "LwF",
  rslora: "rsLoRA",
};

/** Titles of fields whose own name says too little. */
const TITLES: Partial<Record<string, string>> = { "data.tokenizer.kind": "Tokenizer" };

/** "warmup_steps" → "Warmup steps". */
export function titleOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return ACRONYMS[words] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** A field of a method against forgetting is shown among those of other methods: "Replay: share". */
function ofMethod(path: string): string | undefined {
  const [section, method, name] = path.split(".");
  return section === "continual" && method && name
    ? `${titleOf(method)}: ${name.replaceAll("_", " ")}`
    : undefined;
}

const show = (value: number): string =>
  Math.abs(value) >= 1e15 ? value.toPrecision(3) : value.toLocaleString("en-US");

/** The allowed values as text: "from 1 to 200", "above 0, below 1". */
export function rangeOf(schema: JsonSchema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `from ${show(minimum)} to ${show(maximum)}`;
  const parts = [
    minimum !== undefined && `at least ${show(minimum)}`,
    exclusiveMinimum !== undefined && `above ${show(exclusiveMinimum)}`,
    maximum !== undefined && `at most ${show(maximum)}`,
    exclusiveMaximum !== undefined && `below ${show(exclusiveMaximum)}`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** The schema's fields in its own order. */
export function fieldsOf(root: JsonSchema): Field[] {
  const definitions = root.$defs ?? {};

  /** Resolves a reference; fields next to it (title, description, default) take precedence. */
  function resolve(schema: JsonSchema): JsonSchema {
    if (!schema.$ref) return schema;
    const { $ref, ...beside } = schema;
    const target = definitions[$ref.replace("#/$defs/", "")];
    if (!target) throw new Error(`the schema refers to ${$ref}, which it does not hold`);
    return { ...resolve(target), ...beside };
  }

  function fields(schema: JsonSchema, prefix: string, skip?: string): Field[] {
    return Object.entries(schema.properties ?? {})
      .filter(([name]) => name !== skip)
      .map(([name, property]) =>
        field(name, property, prefix + name, schema.required?.includes(name) ?? false),
      );
  }

  function variant(schema: JsonSchema, tag: string, path: string): Variant {
    const whole = resolve(schema);
    const tagged = whole.properties?.[tag];
    const [value = ""] = choicesOf(tagged ?? {});
    return {
      value,
      title: titleOf(value),
      help: whole.description ?? "",
      fields: fields(whole, `${path}.`, tag),
    };
  }

  function field(name: string, property: JsonSchema, path: string, required: boolean): Field {
    const whole = resolve(property);
    const options = (whole.anyOf ?? []).map(resolve);
    const nullable = options.some((option) => option.type === "null");
    const present = options.filter((option) => option.type !== "null");
    const inner: JsonSchema =
      options.length > 0 && present.length === 1 ? { ...present[0], ...whole, anyOf: undefined } : whole;
    const common = {
      path,
      title: TITLES[path] ?? ofMethod(path) ?? titleOf(name),
      help: whole.description ?? inner.description ?? "",
    };
    const tag = inner.discriminator?.propertyName;
    const unions = inner.oneOf ?? (present.length > 1 ? present : undefined);
    if (tag && unions) {
      const given = inner.default as Record<string, unknown> | undefined;
      const standard = given?.[tag];
      return {
        ...common,
        kind: "union",
        tag,
        default: typeof standard === "string" ? standard : undefined,
        variants: unions.map((option) => variant(option, tag, path)),
      };
    }
    if (inner.properties)
      return { ...common, kind: "group", optional: nullable, fields: fields(inner, `${path}.`) };
    return {
      ...common,
      ...leafOf(inner, present),
      required,
      nullable,
      default: "default" in property || "default" in whole ? whole.default : undefined,
      range: rangeOf(inner),
    };
  }

  return fields(root, "");
}

/** The values of a schema that names them one by one. */
const choicesOf = (schema: JsonSchema): string[] =>
  (schema.const === undefined ? (schema.enum ?? []) : [schema.const]).filter(
    (value) => typeof value === "string",
  );

/** `options`: the schemas that a value may fit, without that of `null`. */
function leafOf(schema: JsonSchema, options: JsonSchema[]): Pick<Leaf, "kind" | "choices"> {
  const choices = choicesOf(schema);
  if (choices.length > 0) return { kind: "choice", choices };
  if (options.length > 1) return { kind: "json", choices: options.flatMap(choicesOf) };
  switch (schema.type) {
    case "integer":
    case "number":
    case "boolean":
      return { kind: schema.type, choices: [] };
    case "string":
      return { kind: "text", choices: [] };
    case "array":
      return { kind: schema.items?.type === "string" ? "lines" : "json", choices: [] };
    default:
      return { kind: "json", choices: [] };
  }
}
