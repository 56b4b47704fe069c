/** A description as its author wrote it: ``code`` between double backticks. */
export function Help({ text }: { text: string }) {
  const parts = text.replaceAll(/\s+/g, " ").split("``");
  return parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
