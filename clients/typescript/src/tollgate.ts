import { authArea } from "./auth/area.js";
import type { Auth } from "./auth/area.js";
import { Exchange } from "./calls/exchange.js";
import { paymentsArea } from "./payments/area.js";
import type { Payments } from "./payments/area.js";
import { quotaArea } from "./quota/area.js";
import type { QuotaArea } from "./quota/area.js";
import { checkCredential, checkSettings } from "./settings.js";
import type { Checked, Credential, Settings } from "./settings.js";
import { usageArea } from "./usage/area.js";
import type { Usage } from "./usage/area.js";

/** The service, seen by one caller. Holds no connection: nothing needs to be closed. */
export class Tollgate {
  /** Accounts, sign-ins, and whose credential it is. */
  readonly auth: Auth;
  /** Plans, subscriptions, payments and refunds. */
  readonly payments: Payments;
  /** Units: asked for, taken, set aside, given back. */
  readonly quota: QuotaArea;
  /** What was used. */
  readonly usage: Usage;
  /** Calls that `onUnavailable: "allow"` has let pass uncharged. */
  letThrough = 0;

  readonly #given: Settings;
  readonly #settings: Checked;
  readonly #credential: Credential;

  constructor(settings: Settings & Credential) {
    this.#given = settings;
    this.#settings = checkSettings(settings);
    this.#credential = checkCredential(settings);
    const calls = new Exchange(this.#settings, this.#credential);
    this.auth = authArea(calls, this.#settings);
    this.payments = paymentsArea(calls);
    this.quota = quotaArea(calls);
    this.usage = usageArea(calls);
  }

  /** The same service for another caller, such as a buyer who has just signed in. */
  as(credential: Credential): Tollgate {
    const { url, fetch, timeoutMs, onUnavailable, issuer, audience, keyCacheSeconds, language, log } = this.#given;
    const kept = { url, fetch, timeoutMs, onUnavailable, issuer, audience, keyCacheSeconds, language, log };
    return new Tollgate({ ...(kept as Settings), ...credential });
  }

  get onUnavailable(): "deny" | "allow" {
    return this.#settings.onUnavailable;
  }

  /** Whether it calls as a host application, as guards that charge must. */
  get hasServiceKey(): boolean {
    return this.#credential.serviceKey !== undefined;
  }

  log(message: string, details: Record<string, unknown>): void {
    this.#settings.log(message, details);
  }
}
