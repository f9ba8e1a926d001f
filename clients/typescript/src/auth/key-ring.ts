// The service's public keys. A new key is published six minutes before it signs, so keys that are five minutes old know
// every signer; a name that is unknown all the same is asked for once a minute at most, or anybody could make us ask.
import type { Calls } from "../calls/call.js";
import type { Checked } from "../settings.js";
import type { KeySet, ServerMetadata } from "../shapes.js";
import { verifyingKeyOf } from "./verifying-key.js";
import type { VerifyingKey } from "./verifying-key.js";

const FRESH_MS = 5 * 60_000;
/** While the service is away, its last keys are used for so long. */
const USABLE_MS = 60 * 60_000;
const UNKNOWN_ASKED_EVERY_MS = 60_000;
/** After a failure: callers do not each wait for the next one. */
const ASKED_AGAIN_AFTER_MS = 5_000;

interface Ring {
  keys: Map<string, VerifyingKey>;
  issuer: string;
  readAt: number;
}

export class KeyRing {
  readonly audience: string;
  readonly #calls: Calls;
  readonly #issuer: string | undefined;
  #ring: Ring | undefined;
  #reading: Promise<Ring> | undefined;
  #failedAt = -Infinity;
  #unknownAskedAt = -Infinity;

  constructor(calls: Calls, settings: Checked) {
    this.#calls = calls;
    this.#issuer = settings.issuer;
    this.audience = settings.audience;
  }

  /** The key of that name, if the service has published it. */
  async find(name: string): Promise<VerifyingKey | undefined> {
    const ring = await this.#current();
    const known = ring.keys.get(name);
    if (known !== undefined) return known;
    const now = performance.now();
    if (now - this.#unknownAskedAt < UNKNOWN_ASKED_EVERY_MS) return undefined;
    this.#unknownAskedAt = now;
    return (await this.#read()).keys.get(name);
  }

  /** No keys are published where tokens are signed by a shared secret: those are the service's to judge. */
  async isEmpty(): Promise<boolean> {
    return (await this.#current()).keys.size === 0;
  }

  async issuer(): Promise<string> {
    return (await this.#current()).issuer;
  }

  async #current(): Promise<Ring> {
    const ring = this.#ring;
    const now = performance.now();
    if (ring === undefined) return await this.#read();
    const age = now - ring.readAt;
    if (age < FRESH_MS) return ring;
    if (age < USABLE_MS && now - this.#failedAt < ASKED_AGAIN_AFTER_MS) return ring;
    try {
      return await this.#read();
    } catch (error) {
      this.#failedAt = now;
      if (age < USABLE_MS) return ring;
      throw error;
    }
  }

  /** Asked by many at once, the service is asked once. */
  #read(): Promise<Ring> {
    this.#reading ??= this.#fetch().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #fetch(): Promise<Ring> {
    const published = this.#calls.send<KeySet>({
      method: "GET",
      path: "/auth/.well-known/jwks.json",
      credential: "none",
    });
    const [{ keys }, issuer] = await Promise.all([published, this.#issuer ?? this.#statedIssuer()]);
    const usable = await Promise.all(keys.map(verifyingKeyOf));
    const named = usable.flatMap((key) => (key === undefined ? [] : [[key.name, key] as const]));
    this.#ring = { keys: new Map(named), issuer, readAt: performance.now() };
    return this.#ring;
  }

  /** What the service says of itself: it may be reached by another address than the one it is known by. */
  async #statedIssuer(): Promise<string> {
    const metadata = await this.#calls.send<ServerMetadata>({
      method: "GET",
      path: "/.well-known/oauth-authorization-server",
      credential: "none",
    });
    return metadata.issuer;
  }
}
