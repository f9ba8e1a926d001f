/** With what calls are made. At most one of the three; none for what needs no sign-in. */
export type Credential =
  | { serviceKey: string; accessToken?: never; apiKey?: never }
  | { accessToken: string | (() => string | Promise<string>); serviceKey?: never; apiKey?: never }
  | { apiKey: string; serviceKey?: never; accessToken?: never }
  | { serviceKey?: never; accessToken?: never; apiKey?: never };

export interface Settings {
  /** Where the service is: `https://pay.example`, with a path if it is mounted under one. */
  url: string;
  /** Used in place of the global `fetch`. */
  fetch?: typeof fetch;
  /** How long a call may take in all, repeats included; 10,000 when left out. */
  timeoutMs?: number;
  /**
   * What `consumeQuota` does while the service is away: `deny` (503, the default) or `allow` (the call passes uncharged,
   * counted in `letThrough` and logged). Who the caller is must be known either way.
   */
  onUnavailable?: "deny" | "allow";
  /** `iss` of access tokens; when left out, what the service says of itself. */
  issuer?: string;
  /** `aud` of access tokens; `tollgate` when left out. */
  audience?: string;
  /** So long an answer of `/auth/verify` is believed; 30 when left out, 0 to ask each time. */
  keyCacheSeconds?: number;
  /** The language of `title` and `detail`. */
  language?: "zh" | "en";
  /** Hears what nobody else would: units that could not be charged, calls that were let through. `console.warn` when left out. */
  log?: (message: string, details: Record<string, unknown>) => void;
}

/** The settings, whole and looked at. */
export interface Checked {
  url: string;
  fetch: typeof fetch;
  timeoutMs: number;
  onUnavailable: "deny" | "allow";
  issuer: string | undefined;
  audience: string;
  keyCacheSeconds: number;
  language: "zh" | "en" | undefined;
  log: (message: string, details: Record<string, unknown>) => void;
}

/** A mistake in the settings shows here, not at the first call. */
export function checkSettings(settings: Settings): Checked {
  const url = new URL(settings.url);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`url: ${settings.url} is neither http nor https`);
  }
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw new TypeError("url: an address without a query, fragment, user or password is wanted");
  }
  const timeoutMs = settings.timeoutMs ?? 10_000;
  if (!(timeoutMs > 0)) throw new RangeError("timeoutMs: more than 0 is wanted");
  const keyCacheSeconds = settings.keyCacheSeconds ?? 30;
  if (!(keyCacheSeconds >= 0)) throw new RangeError("keyCacheSeconds: 0 or more is wanted");
  const onUnavailable = settings.onUnavailable ?? "deny";
  if (onUnavailable !== "deny" && onUnavailable !== "allow") {
    throw new TypeError("onUnavailable: deny or allow is wanted");
  }
  return {
    url: url.href.replace(/\/+$/, ""),
    // Called on its own: some platforms refuse a fetch that is a member of something else.
    fetch: settings.fetch ?? ((input, init) => fetch(input, init)),
    timeoutMs,
    onUnavailable,
    issuer: settings.issuer,
    audience: settings.audience ?? "tollgate",
    keyCacheSeconds,
    language: settings.language,
    log: settings.log ?? ((message, details) => console.warn(message, details)),
  };
}

export function checkCredential(credential: Credential): Credential {
  const given = [credential.serviceKey, credential.accessToken, credential.apiKey].filter((one) => one !== undefined);
  if (given.length > 1) throw new TypeError("serviceKey, accessToken, apiKey: one of them is wanted, not several");
  // An empty one is a variable that was not set; calls without a credential would hide that.
  if (given[0] === "") throw new TypeError("serviceKey, accessToken, apiKey: it is empty");
  return credential;
}
