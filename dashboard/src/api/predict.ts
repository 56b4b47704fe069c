/** A streamed prediction: one POST whose response is read as Server-Sent Events. */

import { CSRF, errorOf, localProblem, unreachable } from "./client";
import type { components } from "./schema";
import type { Problem } from "./types";

type Schemas = components["schemas"];

export type Prediction = Schemas["PredictionOut"];
export type PredictionKind = Schemas["PredictionKindOut"];
export type PredictIn = Schemas["PredictIn"];

/** The data of the stream's events, by the name of the event. */
interface Events {
  place: { ahead: number };
  loading: Record<string, never>;
  part: Record<string, unknown>;
  result: Prediction;
  error: Problem;
}

export type PredictionEvent = { [Name in keyof Events]: { name: Name; data: Events[Name] } }[keyof Events];

/** The complete events in a text, and the incomplete rest. Comments and unknown lines are left out. */
export function parseEvents(text: string): { events: PredictionEvent[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const events: PredictionEvent[] = [];
  for (const block of blocks) {
    const lines = block.split("\n");
    const named = (prefix: string) => lines.find((line) => line.startsWith(prefix))?.slice(prefix.length);
    const name = named("event: ");
    const data = named("data: ");
    if (name && data !== undefined)
      events.push({ name, data: JSON.parse(data) as unknown } as PredictionEvent);
  }
  return { events, rest };
}

/** Asks a checkpoint and yields events up to the result. Aborting the signal ends the computation.
 *
 * @throws ApiError if the prediction is refused or fails.
 */
export async function* predict(
  checkpoint: string,
  body: PredictIn,
  signal: AbortSignal,
): AsyncGenerator<PredictionEvent> {
  const response = await fetch(`/v1/checkpoints/${checkpoint}/predict`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...CSRF },
    body: JSON.stringify({ ...body, stream: true }),
    signal,
  }).catch((error: unknown) => {
    throw signal.aborted ? error : unreachable();
  });
  if (!response.ok || !response.body) {
    const problem: unknown = await response.json().catch(() => null);
    throw errorOf(response.status, problem, response.headers.get("X-Request-Id"));
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const parsed = parseEvents(text + value);
    text = parsed.rest;
    for (const event of parsed.events) {
      if (event.name === "error") throw errorOf(event.data.status, event.data, null);
      yield event;
      if (event.name === "result") return;
    }
  }
  throw localProblem(
    "stream_ended",
    "No result",
    "The connection ended before the result was there. Try again; nothing was stored.",
  );
}
