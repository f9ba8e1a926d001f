import type { Tollgate } from "../tollgate.js";
import { permissionQuestion } from "./admission.js";
import { guard } from "./handler.js";
import type { HandlerTerms } from "./handler.js";

/** Lets members of staff through who hold a permission: 403 otherwise. A key never holds one. */
export function requirePermission(tollgate: Tollgate, permission: string, terms: HandlerTerms = {}) {
  return guard(permissionQuestion(tollgate, permission), terms);
}
