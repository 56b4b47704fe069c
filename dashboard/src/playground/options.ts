/** The options of a kind of prediction, read from their JSON schema. */

export interface Option {
  name: string;
  description: string;
  integer: boolean;
  default: number;
  minimum: number | undefined;
  maximum: number | undefined;
}

interface Property {
  type?: string;
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

const SLIDER_UP_TO = 5000;

/** The options that are numbers; others keep their default. */
export function optionsOf(schema: Record<string, unknown>): Option[] {
  const properties = (schema.properties ?? {}) as Record<string, Property>;
  return Object.entries(properties).flatMap(([name, property]) => {
    const integer = property.type === "integer";
    if ((!integer && property.type !== "number") || typeof property.default !== "number") return [];
    return [
      {
        name,
        description: property.description ?? "",
        integer,
        default: property.default,
        minimum:
          property.minimum ?? (integer ? property.exclusiveMinimum : (property.exclusiveMinimum ?? 0) + 0.01),
        maximum: property.maximum ?? property.exclusiveMaximum,
      },
    ];
  });
}

/** Whether a slider suits it: both ends are known, and not far apart. */
export const slides = (option: Option): boolean =>
  option.minimum !== undefined && option.maximum !== undefined && option.maximum <= SLIDER_UP_TO;

export const titleOf = (name: string): string => {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};
