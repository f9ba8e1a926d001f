import type { Tollgate } from "../tollgate.js";
import { subscriptionQuestion } from "./admission.js";
import type { AuthTerms } from "./admission.js";
import { guard } from "./handler.js";
import type { HandlerTerms } from "./handler.js";

/** Lets those through who have one of the plans, or any when none is named: 402 otherwise. */
export function requireSubscription(
  tollgate: Tollgate,
  plans?: string | readonly string[],
  terms: AuthTerms & HandlerTerms = {},
) {
  return guard(subscriptionQuestion(tollgate, plans, terms), terms);
}
