import type { Tollgate } from "../tollgate.js";
import { authQuestion } from "./admission.js";
import type { AuthTerms } from "./admission.js";
import { guard } from "./handler.js";
import type { HandlerTerms } from "./handler.js";

/** Lets those through who bear a good credential: 401 otherwise. */
export function requireAuth(tollgate: Tollgate, terms: AuthTerms & HandlerTerms = {}) {
  return guard(authQuestion(tollgate, terms), terms);
}
