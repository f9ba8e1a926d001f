import type { Asking, Question } from "../guards/admission.js";
import { Refused } from "../guards/admission.js";
import { refusalOf } from "../guards/refusal.js";
import type { Middleware, Next, RequestLike, ResponseLike } from "./shapes.js";

export interface MiddlewareTerms {
  /** Where the call came from; for keys that are limited to addresses, and only if it cannot be forged. */
  clientAddress?: (request: RequestLike) => string | undefined;
}

/** Asks; then goes on, answers a refusal, or hands a fault of the host's own to its error handler. */
export function middleware<Known>(
  question: Question<Known>,
  terms: MiddlewareTerms,
  goOn: (known: Known, request: RequestLike, response: ResponseLike, next: Next) => void,
): Middleware {
  return (request, response, next) => {
    const asking: Asking = {
      header: (name) => headerOf(request, name),
      clientAddress: terms.clientAddress?.(request),
    };
    question(asking).then(
      (known) => goOn(known, request, response, next),
      (error: unknown) => {
        if (error instanceof Refused) refuse(error, request, response);
        else next(error);
      },
    );
  };
}

function headerOf(request: RequestLike, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

function refuse({ refusal }: Refused, request: RequestLike, response: ResponseLike): void {
  if (response.headersSent || response.destroyed) return;
  const path = (request.originalUrl ?? request.url ?? "").replace(/\?.*$/s, "");
  const { status, headers, body } = refusalOf(refusal, path);
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body);
}
