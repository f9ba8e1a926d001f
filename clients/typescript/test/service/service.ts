// The real service, started for a test file and ended by it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { Tollgate } from "tollgate";
import type { Checkout } from "tollgate";

const PATIENCE_MS = 30_000;
export const ADMIN = { email: "operator@example.com", password: "plum orchard lantern 7" };

export class Service {
  readonly url: string;
  readonly #program: string;
  readonly #folder: string;
  readonly #environment: Record<string, string>;
  #process: ChildProcess | undefined;
  #log = "";
  #accounts = 0;

  private constructor(program: string, port: number, folder: string, environment: Record<string, string>) {
    this.#program = program;
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#environment = environment;
  }

  static async start(environment: Record<string, string> = {}): Promise<Service> {
    const program = process.env["TOLLGATE_BINARY"];
    assert.ok(program, "TOLLGATE_BINARY names no program: these tests need a built tollgate (see run-tests)");
    const folder = await mkdtemp(join(tmpdir(), "tollgate-typescript-"));
    const service = new Service(program, await freePort(), folder, environment);
    await service.resume();
    return service;
  }

  /** Starts it, again after `pause`, with the data of before. */
  async resume(): Promise<void> {
    const { DATABASE_URL: _, ...inherited } = process.env;
    const child = spawn(this.#program, ["serve"], {
      env: {
        ...inherited,
        ADDR: new URL(this.url).host,
        PUBLIC_URL: this.url,
        DATA_DIR: this.#folder,
        SANDBOX: "on",
        ADMIN_EMAIL: ADMIN.email,
        ADMIN_PASSWORD: ADMIN.password,
        ...this.#environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    // For run-tests, which ends it if this process cannot any more.
    if (child.pid !== undefined) await writeFile(join(this.#folder, "pid"), String(child.pid));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
    }
    await until("the service answers", async () => {
      assert.equal(child.exitCode, null, `the service has ended:\n${this.#log}`);
      return (await fetch(`${this.url}/health/ready`).catch(() => undefined))?.ok === true;
    });
  }

  /** Ends the process; its data stay. */
  async pause(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(late);
    await rm(join(this.#folder, "pid"), { force: true });
  }

  async stop(): Promise<void> {
    await this.pause();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** For nobody yet. */
  client(): Tollgate {
    return new Tollgate({ url: this.url });
  }

  async admin(): Promise<{ token: string; tollgate: Tollgate }> {
    const { access_token: token } = await this.client().auth.login(ADMIN);
    return { token, tollgate: this.client().as({ accessToken: token }) };
  }

  /** The key of a host application. */
  async serviceKey(scopes: string[] = ["quota", "introspect"]): Promise<string> {
    const { token } = await this.admin();
    const made = await this.post("/admin/service-keys", token, { name: "shop", scopes });
    return made["key"] as string;
  }

  async post(path: string, token: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${path} answers ${response.status} ${text}`);
    return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  }

  /** Somebody new, signed in. */
  async buyer(): Promise<Buyer> {
    this.#accounts += 1;
    const name = `buyer-${this.#accounts}`;
    const account = { email: `${name}@example.com`, username: name, password: `correct horse ${name} battery` };
    const anybody = this.client();
    const user = await anybody.auth.register(account);
    const tokens = await anybody.auth.login({ email: account.email, password: account.password });
    assert.equal(tokens.user.id, user.id);
    return { id: user.id, token: tokens.access_token, account, tollgate: anybody.as({ accessToken: tokens.access_token }) };
  }

  /** Somebody new who has the plan of ten units. */
  async subscriber(): Promise<Buyer> {
    const buyer = await this.buyer();
    const { subscription } = await buyer.tollgate.payments.subscribe({ plan_slug: "free" });
    assert.equal(subscription?.quota_remaining, 10);
    return buyer;
  }

  async apiKey(buyer: Buyer, scopes: string[] = []): Promise<string> {
    return (await this.post("/auth/api-keys", buyer.token, { name: "program", scopes }))["key"] as string;
  }

  /** What the buyer's telephone does. */
  async payByPhone(order: Checkout): Promise<void> {
    const code = order.payment.qr_content;
    assert.ok(code, "there is no code to scan");
    const paid = await fetch(`${code}/pay`, { method: "POST", headers: { accept: "application/json" } });
    const answer = (await paid.json()) as { trade_status?: string };
    assert.equal(answer.trade_status, "TRADE_SUCCESS");
  }
}

export interface Buyer {
  id: string;
  token: string;
  account: { email: string; username: string; password: string };
  tollgate: Tollgate;
}

/** How the first meter stands, as `used`, `reserved` and `remaining`. */
export async function meter(buyer: Buyer): Promise<{ used: number; reserved: number; remaining: number }> {
  const { quota } = await buyer.tollgate.quota.check({ resource_type: "dicom_processing" });
  assert.ok(quota);
  return { used: quota.used, reserved: quota.reserved, remaining: quota.remaining ?? -1 };
}

/** Looks until it is so; fails when it does not come true in time. */
export async function until(what: string, isSo: () => Promise<boolean>, patienceMs = PATIENCE_MS): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `it did not come true: ${what}`);
    await pause(25);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
