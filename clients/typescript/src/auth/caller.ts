import { PermissionDenied } from "../errors.js";
import type { Verification } from "../shapes.js";

/** Who asks, as far as a credential has shown it. */
export interface Caller {
  kind: "user" | "api_key";
  userId: string;
  /** Of a key. */
  apiKeyId: string | null;
  /** What a key is limited to; null: it is not. */
  scopes: string[] | null;
  /** When the credential ends; null: never. */
  expiresAt: string | null;
}

export function callerOf(verification: Verification): Caller {
  return {
    kind: verification.subject_type === "api_key" ? "api_key" : "user",
    userId: verification.user.id,
    apiKeyId: verification.api_key_id ?? null,
    scopes: verification.scopes ?? null,
    expiresAt: verification.expires_at ?? null,
  };
}

/** A key that is limited to scopes opens only what names one of them. */
export function mustBeInScope(caller: Caller, scope: string | undefined): void {
  if (caller.scopes === null) return;
  if (scope !== undefined && caller.scopes.includes(scope)) return;
  const message =
    scope === undefined ? "The key is limited to scopes, and this is in none of them." : `The key lacks the scope ${scope}.`;
  throw new PermissionDenied({ code: "permission_denied", status: 403, message });
}
