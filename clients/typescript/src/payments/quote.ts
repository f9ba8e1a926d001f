import type { CallOptions, Calls } from "../calls/call.js";
import type { QuoteBody, Quote } from "../shapes.js";

export const quote =
  (calls: Calls) =>
  (body: QuoteBody, options?: CallOptions): Promise<Quote> =>
    calls.send({ method: "POST", path: "/payments/quote", json: body }, options);
