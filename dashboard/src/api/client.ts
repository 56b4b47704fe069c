/** One typed door to the service. Every failure comes out as an `ApiError` with a sentence for people. */

import createClient from "openapi-fetch";
import type { paths } from "./schema";
import type { Problem } from "./types";

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "ApiError";
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** A problem that no server wrote: the network or a proxy did. */
export const localProblem = (code: string, title: string, detail: string, status = 0): ApiError =>
  new ApiError({
    type: "about:blank",
    title,
    status,
    code,
    detail,
    param: null,
    errors: [],
    errors_omitted: 0,
    request_id: null,
  });

const isProblem = (body: unknown): body is Problem =>
  typeof body === "object" &&
  body !== null &&
  "code" in body &&
  "detail" in body &&
  typeof body.detail === "string";

/** The error that an answer stands for. `body` is its decoded JSON, if it was JSON. */
export function errorOf(status: number, body: unknown, requestId: string | null): ApiError {
  if (isProblem(body))
    return new ApiError({ ...body, errors: body.errors, request_id: body.request_id ?? requestId });
  const error = localProblem(
    "unexpected_answer",
    "Unexpected answer",
    `The service answered with status ${status} and no explanation. Its log has more under the request id.`,
    status,
  );
  return new ApiError({ ...error.problem, request_id: requestId });
}

export const unreachable = (): ApiError =>
  localProblem(
    "unreachable",
    "No connection",
    "The service does not answer. Is it running, and is this machine online?",
  );

/** Marks a request as made by this page: no foreign page can send this header. */
export const CSRF = { "X-Seedbed-Csrf": "1" } as const;

/** Makes a repeated POST find the first one's answer instead of creating twice. */
export function idempotencyKey(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const client = createClient<paths>({
  baseUrl: "",
  querySerializer: { array: { style: "form", explode: true } },
});

client.use({
  onRequest({ request }) {
    if (request.method !== "GET")
      for (const [name, value] of Object.entries(CSRF)) request.headers.set(name, value);
    return request;
  },
  onError: ({ error }) =>
    error instanceof DOMException && error.name === "AbortError" ? error : unreachable(),
});

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; throws `ApiError` otherwise. */
export async function unwrap<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw errorOf(response.status, error, response.headers.get("X-Request-Id"));
  return data as Data;
}
