// A refusal as the host's own answer.
import { TollgateError, Unauthenticated, Unavailable } from "../errors.js";
import { quotaHeaders } from "./quota-headers.js";

export interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What somebody is told who is not let in at `instance`. */
export function refusalOf(error: TollgateError, instance: string): Refusal {
  const headers: Record<string, string> = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (error instanceof Unauthenticated) headers["www-authenticate"] = "Bearer";
  const retryAfterSeconds = error.retryAfterSeconds ?? (error instanceof Unavailable ? 1 : undefined);
  if (retryAfterSeconds !== undefined) headers["retry-after"] = String(Math.ceil(retryAfterSeconds));
  if (error instanceof Unavailable) {
    // What is behind the host, and where, is nobody's business.
    const problem = {
      type: "urn:tollgate:problem:unavailable",
      title: "The service is not available right now",
      status: 503,
      code: "unavailable",
      instance,
    };
    return { status: 503, headers, body: JSON.stringify(problem) };
  }
  const problem = error.problem ?? {
    type: `urn:tollgate:problem:${error.code}`,
    title: error.message,
    status: error.status,
    code: error.code,
  };
  Object.assign(headers, Object.fromEntries(quotaHeaders(error.problem?.quota)));
  return { status: error.status, headers, body: JSON.stringify({ ...problem, instance }) };
}
