import type { Span } from "./documents";

/** Words that belong together: an entity, or the words between two. */
export interface Marked {
  text: string;
  span: Span | null;
  /** Whether the entity is among the others too. */
  agrees: boolean;
}

const same = (one: Span, other: Span): boolean =>
  one.type === other.type && one.first === other.first && one.last === other.last;

/** A sentence cut at its entities. */
export function marked(words: readonly string[], spans: readonly Span[], others: readonly Span[]): Marked[] {
  const found: Marked[] = [];
  let next = 0;
  const plain = (until: number) => {
    if (until > next) found.push({ text: words.slice(next, until).join(" "), span: null, agrees: true });
  };
  for (const span of [...spans].sort((one, other) => one.first - other.first)) {
    plain(span.first);
    found.push({
      text: words.slice(span.first, span.last + 1).join(" "),
      span,
      agrees: others.some((other) => same(span, other)),
    });
    next = span.last + 1;
  }
  plain(words.length);
  return found;
}
