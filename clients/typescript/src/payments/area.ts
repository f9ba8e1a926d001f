import type { Calls } from "../calls/call.js";
import { cancel } from "./cancel.js";
import { create } from "./create.js";
import { current } from "./current.js";
import { plan } from "./plan.js";
import { plans } from "./plans.js";
import { quote } from "./quote.js";
import { refund } from "./refund.js";
import { renew } from "./renew.js";
import { resume } from "./resume.js";
import { status } from "./status.js";
import { subscribe } from "./subscribe.js";
import { transaction } from "./transaction.js";
import { transactions } from "./transactions.js";

export type Payments = ReturnType<typeof paymentsArea>;

export function paymentsArea(calls: Calls) {
  return {
    /** The plans on sale. */
    plans: plans(calls),
    /** One of them, by its id or slug. */
    plan: plan(calls),
    /** What a change to a plan takes. */
    quote: quote(calls),
    /** Orders a plan; `payment` says what the buyer does next. A free plan begins at once. */
    subscribe: subscribe(calls),
    /** The subscription in force; without one `NotFound` with the code `no_subscription`. */
    current: current(calls),
    /** Lets it end with what is paid. */
    cancel: cancel(calls),
    /** Takes a cancel back. */
    resume: resume(calls),
    /** Orders a further term. */
    renew: renew(calls),
    /** Begins a payment for something of your own. */
    create: create(calls),
    /** How a payment stands; `wait` seconds (25 at most) for it to be settled. */
    status: status(calls),
    /** One payment. */
    transaction: transaction(calls),
    /** Payments, newest first, page after page. */
    transactions: transactions(calls),
    /** Sends money back. Takes the permission `finance`. */
    refund: refund(calls),
  };
}
