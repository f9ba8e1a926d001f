// Every refusal is a TollgateError. `code` is the contract (docs/errors.md); the classes are the ones worth a `catch` of
// their own. Codes that are added later fall to the class of their status.
import type { Quota } from "./shapes.js";

/** The body of a refusal (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail?: string;
  instance?: string;
  request_id?: string;
  doc_url?: string;
  upgrade_url?: string;
  quota?: Quota;
  errors?: FieldError[];
  [member: string]: unknown;
}

/** What is wrong with one field, which is named by a JSON pointer. */
export interface FieldError {
  field: string;
  code: string;
  detail?: string;
}

/** How an error came about. */
export interface Circumstances {
  code: string;
  status: number;
  message: string;
  problem?: Problem | undefined;
  requestId?: string | undefined;
  retryAfterSeconds?: number | undefined;
  cause?: unknown;
}

export class TollgateError extends Error {
  /** What programs compare; stable. */
  readonly code: string;
  /** The status of the answer; 503 where none came. */
  readonly status: number;
  /** The whole refusal, if the service sent one. */
  readonly problem: Problem | undefined;
  /** Names the call in the service's log. */
  readonly requestId: string | undefined;
  /** So long the service asks to be left alone. */
  readonly retryAfterSeconds: number | undefined;

  constructor(circumstances: Circumstances) {
    super(circumstances.message, "cause" in circumstances ? { cause: circumstances.cause } : undefined);
    this.name = new.target.name;
    this.code = circumstances.code;
    this.status = circumstances.status;
    this.problem = circumstances.problem;
    this.requestId = circumstances.requestId;
    this.retryAfterSeconds = circumstances.retryAfterSeconds;
  }
}

/** 400: the call cannot be read, or bears two credentials. */
export class BadRequest extends TollgateError {}
/** 401: no credential, or none that is good. */
export class Unauthenticated extends TollgateError {}
/** 402 with another plan than the call takes. */
export class PlanRequired extends TollgateError {
  get upgradeUrl(): string | undefined {
    return this.problem?.upgrade_url;
  }
}
/** 402 without a plan in force. */
export class SubscriptionRequired extends TollgateError {
  get upgradeUrl(): string | undefined {
    return this.problem?.upgrade_url;
  }
}
/** 403. */
export class PermissionDenied extends TollgateError {}
/** 404; also `no_subscription`. */
export class NotFound extends TollgateError {}
/** 409. */
export class Conflict extends TollgateError {}
/** 422: `errors` names the fields. */
export class ValidationFailed extends TollgateError {
  get errors(): FieldError[] {
    return this.problem?.errors ?? [];
  }
}
/** 429: too many calls in a minute. */
export class RateLimited extends TollgateError {}
/** 429: the units of the period are used up. Never tried again by itself. */
export class QuotaExceeded extends TollgateError {
  get quota(): Quota | undefined {
    return this.problem?.quota;
  }
  get upgradeUrl(): string | undefined {
    return this.problem?.upgrade_url;
  }
}
/** 502: the payment provider could not serve the call. */
export class ProviderFailed extends TollgateError {}
/** No connection, no answer in time, an answer that is not the service's, or one of the 500s. */
export class Unavailable extends TollgateError {}

type Kind = new (circumstances: Circumstances) => TollgateError;

const BY_CODE = new Map<string, Kind>([
  ["plan_required", PlanRequired],
  ["subscription_required", SubscriptionRequired],
  ["quota_exceeded", QuotaExceeded],
  ["provider_error", ProviderFailed],
]);

const BY_STATUS = new Map<number, Kind>([
  [400, BadRequest],
  [401, Unauthenticated],
  [402, SubscriptionRequired],
  [403, PermissionDenied],
  [404, NotFound],
  [409, Conflict],
  [422, ValidationFailed],
  [429, RateLimited],
]);

/** The error of the kind that the code, or else the status, calls for. */
export function errorOf(circumstances: Circumstances): TollgateError {
  const kind = BY_CODE.get(circumstances.code) ?? BY_STATUS.get(circumstances.status);
  return new (kind ?? (circumstances.status >= 500 ? Unavailable : TollgateError))(circumstances);
}
