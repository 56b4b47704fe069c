/** The result of a prediction, drawn by its kind. */

import { Fragment, useState, type ReactNode } from "react";
import type { Prediction } from "@/api/predict";
import { integer, metric, percent } from "@/lib/format";
import { CodeBlock } from "@/ui/Copy";

interface Candidate {
  text: string;
  token: string;
  probability: number;
}
interface Results {
  masks: { masks: { position: number; candidates: Candidate[] }[]; text: string };
  text: { text: string; tokens: number; finish?: string };
  gaps: { gaps: string[]; text: string };
  images: { images: { name: string; png: string }[] };
  vector: { vector: number[]; width: number; truncated: boolean };
  neighbours: {
    neighbours: { where: string; similarity: number; text?: string; png?: string }[];
    searched: number;
  };
  classes: { classes: { name: string; probability: number }[] };
  number: { number: number };
  tags: {
    words: { text: string; tag: string }[];
    entities: { type: string; text: string; begin: number; end: number; probability: number }[];
  };
}

const picture = (png: string): string => `data:image/png;base64,${png}`;

function Share({ share }: { share: number }) {
  return (
    <span className="play-share">
      <i style={{ width: `${Math.max(1, share * 100)}%` }} />
    </span>
  );
}

function Ranked({ rows }: { rows: { name: string; share: number }[] }) {
  return (
    <ol className="play-ranked">
      {rows.map(({ name, share }) => (
        <li key={name}>
          <span className="truncate" dir="auto">
            {name}
          </span>
          <Share share={share} />
          <span className="num">{percent(share, 1)}</span>
        </li>
      ))}
    </ol>
  );
}

function Masks({ masks, text }: Results["masks"]) {
  const [chosen, choose] = useState(0);
  const mask = masks[chosen] ?? masks[0];
  return (
    <div className="stack">
      <p className="play-text" dir="auto">
        {text}
      </p>
      {masks.length > 1 && (
        <div className="play-chips" role="group" aria-label="Mask">
          {masks.map(({ position, candidates }, number) => (
            <button
              key={position}
              type="button"
              className="play-chip"
              aria-pressed={number === chosen}
              onClick={() => choose(number)}
            >
              {candidates[0]?.text}
            </button>
          ))}
        </div>
      )}
      {mask && (
        <Ranked
          rows={mask.candidates.map(({ text: name, token, probability }) => ({
            name: name || token,
            share: probability,
          }))}
        />
      )}
    </div>
  );
}

function Images({ images }: Results["images"]) {
  return (
    <div className={images.length > 4 ? "play-gallery" : "play-images"}>
      {images.map(({ name, png }) => (
        <figure key={name}>
          <img src={picture(png)} alt={name} />
          {images.length <= 4 && <figcaption>{name}</figcaption>}
        </figure>
      ))}
    </div>
  );
}

function Neighbours({ neighbours, searched }: Results["neighbours"]) {
  return (
    <div className="stack">
      <ol className="play-neighbours">
        {neighbours.map(({ where, similarity, text, png }) => (
          <li key={where} className={png ? "play-neighbour-image" : undefined}>
            {png && <img src={picture(png)} alt="" />}
            <span className="num">{similarity.toFixed(3)}</span>
            {text && (
              <span className="play-excerpt" dir="auto">
                {text}
              </span>
            )}
            <span className="faint small truncate" title={where}>
              {where}
            </span>
          </li>
        ))}
      </ol>
      <p className="faint small">{integer(searched)} samples of the dataset were searched.</p>
    </div>
  );
}

function Vector({ vector, width, truncated }: Results["vector"]) {
  return (
    <div className="stack">
      <CodeBlock
        label="vector"
        wrap
        code={JSON.stringify(vector.map((value) => Number(value.toPrecision(4))))}
      />
      <p className="faint small">
        {integer(width)} numbers{truncated ? "; the text was cut at the network’s length" : ""}.
      </p>
    </div>
  );
}

/** A text with its entities marked. */
function Tags({ entities, text }: Results["tags"] & { text: string }) {
  // The service counts characters by code points.
  const characters = Array.from(text);
  const between = (begin: number, end?: number) => characters.slice(begin, end).join("");
  return (
    <p className="play-text" dir="auto">
      {entities.map(({ type, begin, end, probability }, number) => (
        <Fragment key={begin}>
          {between(entities[number - 1]?.end ?? 0, begin)}
          <mark title={percent(probability, 1)}>
            {between(begin, end)} <small className="play-tag">{type}</small>
          </mark>
        </Fragment>
      ))}
      {between(entities.at(-1)?.end ?? 0)}
      {entities.length === 0 && <span className="faint"> (no entity)</span>}
    </p>
  );
}

function drawn(result: Record<string, unknown>, prompt: string): ReactNode {
  switch (result.kind) {
    case "masks":
      return <Masks {...(result as unknown as Results["masks"])} />;
    case "text": {
      const { text, tokens, finish } = result as unknown as Results["text"];
      return (
        <div className="stack">
          <Continued prompt={prompt} text={text} />
          {finish !== undefined && (
            <p className="faint small">
              {integer(tokens)} tokens; {finish === "length" ? "the length ended it" : "the text ended"}.
            </p>
          )}
        </div>
      );
    }
    case "gaps":
      return (
        <p className="play-text" dir="auto">
          {(result as unknown as Results["gaps"]).text}
        </p>
      );
    case "images":
      return <Images {...(result as unknown as Results["images"])} />;
    case "neighbours":
      return <Neighbours {...(result as unknown as Results["neighbours"])} />;
    case "vector":
      return <Vector {...(result as unknown as Results["vector"])} />;
    case "classes":
      return (
        <Ranked
          rows={(result as unknown as Results["classes"]).classes.map(({ name, probability }) => ({
            name,
            share: probability,
          }))}
        />
      );
    case "tags":
      return <Tags {...(result as unknown as Results["tags"])} text={prompt} />;
    case "number":
      return <p className="play-number num">{metric((result as unknown as Results["number"]).number)}</p>;
    default:
      return <CodeBlock label="result" wrap code={JSON.stringify(result, null, 2)} />;
  }
}

/** A text and what the network wrote after it. */
export function Continued({ prompt, text }: { prompt: string; text: string }) {
  return (
    <p className="play-text" dir="auto">
      <span className="muted">{prompt}</span>
      <mark>{text}</mark>
    </p>
  );
}

export function Result({ prediction, prompt }: { prediction: Prediction; prompt: string }) {
  return (
    <div className="stack">
      {drawn(prediction.result, prompt)}
      <p className="faint small num">
        {prediction.seconds.toFixed(2)} s{prediction.cold ? ", with the time to load the model" : ""}
      </p>
    </div>
  );
}
