import { permissionQuestion } from "../guards/admission.js";
import type { Tollgate } from "../tollgate.js";
import { remember } from "./known.js";
import { middleware } from "./middleware.js";
import type { MiddlewareTerms } from "./middleware.js";
import type { Middleware } from "./shapes.js";

/** As the guard of the same name around handlers. */
export function requirePermission(tollgate: Tollgate, permission: string, terms: MiddlewareTerms = {}): Middleware {
  return middleware(permissionQuestion(tollgate, permission), terms, (known, request, _response, next) => {
    remember(request, known);
    next();
  });
}
