import { Unavailable, errorOf } from "../errors.js";
import type { Problem, TollgateError } from "../errors.js";

/** The body of a 2xx, or the error that the answer is. */
export async function readAnswer<Answer>(response: Response): Promise<Answer> {
  const requestId = response.headers.get("x-request-id") ?? undefined;
  const text = await response.text();
  if (!response.ok) throw refusal(response, text, requestId);
  if (text === "") return undefined as Answer;
  try {
    return JSON.parse(text) as Answer;
  } catch (cause) {
    throw new Unavailable({
      code: "unavailable",
      status: 503,
      message: `${response.url || "the address"} answers ${response.status} without JSON: is this Tollgate?`,
      requestId,
      cause,
    });
  }
}

function refusal(response: Response, text: string, requestId: string | undefined): TollgateError {
  const problem = problemOf(text);
  const retryAfterSeconds = secondsOf(response.headers.get("retry-after"));
  if (problem === undefined && response.status < 400) {
    return new Unavailable({
      code: "unavailable",
      status: 503,
      message: `an answer ${response.status} is not Tollgate's: is the url right?`,
      requestId,
    });
  }
  return errorOf({
    code: problem?.code ?? codeOf(response.status),
    status: response.status,
    message: problem?.detail ?? problem?.title ?? `the answer is ${response.status}`,
    problem,
    requestId: problem?.request_id ?? requestId,
    retryAfterSeconds,
  });
}

function problemOf(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "code" in value && typeof value.code === "string") {
      return value as Problem;
    }
  } catch {
    // What stands between us and the service has pages of its own.
  }
  return undefined;
}

const CODES: Record<number, string> = {
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  405: "method_not_allowed",
  429: "rate_limited",
};

/** For refusals that are not the service's own, such as a proxy's. */
function codeOf(status: number): string {
  if (status >= 500) return "unavailable";
  return CODES[status] ?? "bad_request";
}

function secondsOf(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}
