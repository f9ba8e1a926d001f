/** What every operation takes besides its own fields. */
export interface CallOptions {
  /** Ends the call; the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** In place of the settings' time for this call. */
  timeoutMs?: number | undefined;
  /** In place of the key that is made for each POST: name the job, and its repeats are one. */
  idempotencyKey?: string | undefined;
  /** `Accept-Language`, in place of the settings' language. */
  language?: string | undefined;
}

export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

/** A credential and the header that it goes in. */
export interface Presented {
  header: "authorization" | "x-api-key";
  value: string;
}

/** One operation over HTTP. */
export interface Call {
  method: "GET" | "POST";
  path: string;
  query?: Query | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as a form. */
  form?: Record<string, string>;
  /** `own` when left out: the credential of the settings. */
  credential?: "own" | "none" | Presented;
  /** Further headers. */
  headers?: Record<string, string>;
  /** The service holds its answer back for so long, and the call has as much more time. */
  heldBackMs?: number;
  /** False: the service cannot tell a repeat from a second wish, so a lost answer is the caller's to look into. */
  repeatable?: boolean;
}

/** Makes calls. */
export interface Calls {
  send<Answer>(call: Call, options?: CallOptions): Promise<Answer>;
}
