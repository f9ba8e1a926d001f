import type { CallOptions, Calls } from "../calls/call.js";
import type { Checkout } from "../shapes.js";

/** A payment to begin. Written out here: in the schema the name of its body is taken by that of a new API key. */
export interface CreatePaymentBody {
  /** Decimal text with exactly the currency's places; this or `amount_minor`. */
  amount?: string;
  amount_minor?: number;
  currency: string;
  payment_method: string;
  /** What the buyer reads: 1 to 127 characters. */
  description: string;
  metadata?: Record<string, string | number | boolean>;
  client?: string;
  return_url?: string;
  openid?: string;
}

export const create =
  (calls: Calls) =>
  (body: CreatePaymentBody, options?: CallOptions): Promise<Checkout> =>
    calls.send({ method: "POST", path: "/payments/create", json: body }, options);
