import { quotaQuestion } from "../guards/admission.js";
import type { QuotaTerms } from "../guards/admission.js";
import type { Tollgate } from "../tollgate.js";
import { remember } from "./known.js";
import { middleware } from "./middleware.js";
import type { MiddlewareTerms } from "./middleware.js";
import { settleBeforeAnswer } from "./settle-before-answer.js";
import type { Middleware } from "./shapes.js";

/** As the guard of the same name around handlers; `holdOf(request)` gives the hold. */
export function consumeQuota(
  tollgate: Tollgate,
  resourceType: string,
  terms: QuotaTerms & MiddlewareTerms = {},
): Middleware {
  return middleware(quotaQuestion(tollgate, resourceType, terms), terms, ({ caller, units }, request, response, next) => {
    // Hung up while the units were being taken: nobody is left to be served.
    if (response.destroyed) return void units.giveBack();
    remember(request, { caller, hold: units.hold() });
    settleBeforeAnswer(response, units, (message, details) => tollgate.log(message, details));
    next();
  });
}
