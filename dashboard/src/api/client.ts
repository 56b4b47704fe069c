/** The typed HTTP client of the service. Every failure is thrown as an `ApiError` with a message for people. */

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

/** A problem document for failures of the network or of a proxy, which send none. */
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

/** The error of an error response. `body` is its decoded JSON, if it was JSON. */
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

/** The header against CSRF: other sites cannot send it. */
export const CSRF = { "X-Seedbed-Csrf": "1" } as const;

/** The Idempotency-Key header: a repeated POST gets the first response instead of creating twice. */
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

/** The body of a successful response; throws `ApiError` otherwise. */
export async function unwrap<Data>(call: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw errorOf(response.status, error, response.headers.get("X-Request-Id"));
  return data as Data;
}
