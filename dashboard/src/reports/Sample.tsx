import { isolated } from "@/lib/format";
import type { Seen } from "./documents";

/** What the model saw: an image, a recording that can be played, or a text. */
export function Sample({ seen, what }: { seen: Seen; what: string }) {
  return (
    <>
      {seen.image !== undefined && <img src={seen.image} alt={what} />}
      {seen.sound !== undefined && (
        // eslint-disable-next-line jsx-a11y/media-has-caption -- a recording of the dataset
        <audio controls preload="none" src={seen.sound} aria-label={what} />
      )}
      {seen.text !== undefined && <p className="mistake-text">{isolated(seen.text)}</p>}
    </>
  );
}
