// What the service said of a credential, for a while. The memory holds digests, never a credential.
import type { Verification } from "../shapes.js";

const MOST = 10_000;

interface Entry {
  verification: Verification;
  /** Unix milliseconds. */
  until: number;
}

export class Remembered {
  readonly #keepMs: number;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** Questions under way: a credential that comes a hundred times at once is asked for once. */
  readonly #asked = new Map<string, Promise<Verification>>();

  constructor(keepSeconds: number) {
    this.#keepMs = keepSeconds * 1000;
  }

  /** Errors are not remembered: a key that was just made must not stay bad. */
  async find(question: readonly string[], ask: () => Promise<Verification>): Promise<Verification> {
    if (this.#keepMs === 0) return await ask();
    const key = await digest(question);
    const entry = this.#entries.get(key);
    if (entry !== undefined && Date.now() < entry.until) return entry.verification;
    const asked = this.#asked.get(key);
    if (asked !== undefined) return await asked;
    const answer = ask().then((verification) => {
      this.#keep(key, verification);
      return verification;
    });
    this.#asked.set(key, answer);
    try {
      return await answer;
    } finally {
      this.#asked.delete(key);
    }
  }

  #keep(key: string, verification: Verification): void {
    const ends = verification.expires_at == null ? Infinity : Date.parse(verification.expires_at);
    this.#entries.delete(key);
    this.#entries.set(key, { verification, until: Math.min(Date.now() + this.#keepMs, ends) });
    if (this.#entries.size > MOST) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
  }
}

async function digest(question: readonly string[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(question));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
