// What becomes of the units, for every outcome of a call, over HTTP and against the real service.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Tollgate } from "tollgate";
import type { DeferredHold, Settings } from "tollgate";

import { KINDS, call, hangUpLater, startHost } from "./host.js";
import type { Host, Kind, Work } from "./host.js";
import { Service, meter, until } from "./service.js";

let service: Service;
let serviceKey: string;

before(async () => {
  service = await Service.start();
  serviceKey = await service.serviceKey(["quota"]);
});
after(() => service?.stop());

const host = (settings: Partial<Settings> = {}): Tollgate => new Tollgate({ url: service.url, serviceKey, ...settings });

async function hosted(
  kind: Kind,
  work: Work,
  { cost = 1, holdSeconds = 600, tollgate = host() }: { cost?: number; holdSeconds?: number; tollgate?: Tollgate },
  body: (host: Host) => Promise<void>,
): Promise<void> {
  const running = await startHost(kind, tollgate, work, { cost, holdSeconds });
  try {
    await body(running);
  } finally {
    await running.close();
  }
}

const answer =
  (status: number, body = "done"): Work =>
  async () => ({ status, body });

for (const kind of KINDS) {
  describe(kind, () => {
    for (const [status, used] of [[200, 3], [302, 3], [400, 0], [404, 0], [500, 0]] as const) {
      test(`${status}: ${used === 0 ? "given back" : "charged"} before the answer leaves`, async () => {
        const buyer = await service.subscriber();
        // Settling takes a while, so that an answer that does not wait for it comes first.
        const slow: typeof fetch = async (input, init) => {
          if (/\/quota\/(commit|release)$/.test(String(input))) await new Promise((resolve) => setTimeout(resolve, 300));
          return await fetch(input, init);
        };
        await hosted(kind, answer(status), { cost: 3, tollgate: host({ fetch: slow }) }, async ({ url }) => {
          const got = await call(`${url}/work`, buyer.token);
          assert.deepEqual([got.status, got.body], [status, "done"]);
          assert.deepEqual(await meter(buyer), { used, reserved: 0, remaining: 10 - used });
          assert.equal(got.headers.get("x-quota-remaining"), String(10 - used));
          assert.equal(got.headers.get("x-quota-limit"), "10");
        });
      });
    }

    test("a throw gives back", async () => {
      const buyer = await service.subscriber();
      const work: Work = () => Promise.reject(new Error("no film"));
      await hosted(kind, work, { cost: 2 }, async ({ url }) => {
        const got = await call(`${url}/work`, buyer.token);
        assert.deepEqual([got.status, got.body], [500, "broken"]);
        assert.deepEqual(await meter(buyer), { used: 0, reserved: 0, remaining: 10 });
      });
    });

    test("the handler charges less, and cannot charge more", async () => {
      const buyer = await service.subscriber();
      const less: Work = async (hold) => {
        hold.setCost(2);
        return { status: 200, body: String(hold.cost) };
      };
      await hosted(kind, less, { cost: 5 }, async ({ url }) => {
        assert.equal((await call(`${url}/work`, buyer.token)).body, "5");
        assert.deepEqual(await meter(buyer), { used: 2, reserved: 0, remaining: 8 });
      });
      for (const cost of [6, 0, 1.5]) {
        const wrong: Work = async (hold) => {
          hold.setCost(cost);
          return { status: 200, body: "done" };
        };
        await hosted(kind, wrong, { cost: 5 }, async ({ url }) => {
          assert.equal((await call(`${url}/work`, buyer.token)).status, 500);
          assert.deepEqual(await meter(buyer), { used: 2, reserved: 0, remaining: 8 });
        });
      }
    });

    test("a client that hangs up is charged nothing, however the handler ends", async () => {
      const buyer = await service.subscriber();
      let enter = (): void => undefined;
      let leave = (): void => undefined;
      const entered = new Promise<void>((resolve) => (enter = resolve));
      const left = new Promise<void>((resolve) => (leave = resolve));
      let isDone = false;
      const work: Work = async () => {
        enter();
        await left;
        isDone = true;
        return { status: 200, body: "done" };
      };
      await hosted(kind, work, { cost: 4 }, async ({ url }) => {
        const request = hangUpLater(`${url}/work`, buyer.token);
        await entered;
        assert.deepEqual(await meter(buyer), { used: 0, reserved: 4, remaining: 6 });
        request.destroy();
        await until("the units are given back", async () => (await meter(buyer)).remaining === 10);
        leave();
        await until("the handler is done", async () => isDone);
        await new Promise((resolve) => setTimeout(resolve, 200));
        assert.deepEqual(await meter(buyer), { used: 0, reserved: 0, remaining: 10 });
      });
    });

    test("a client that hangs up while the units are taken is not served, and charged nothing", async () => {
      const buyer = await service.subscriber();
      let isServed = false;
      let isTaken = false;
      const slow: typeof fetch = async (input, init) => {
        const response = await fetch(input, init);
        if (String(input).endsWith("/quota/reserve")) {
          isTaken = true;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        return response;
      };
      const work: Work = async () => {
        isServed = true;
        return { status: 200, body: "done" };
      };
      await hosted(kind, work, { tollgate: host({ fetch: slow }) }, async ({ url }) => {
        const request = hangUpLater(`${url}/work`, buyer.token);
        await until("the units are taken", async () => isTaken);
        request.destroy();
        await until("the units are given back", async () => (await meter(buyer)).reserved === 0);
        assert.deepEqual(await meter(buyer), { used: 0, reserved: 0, remaining: 10 });
        assert.equal(isServed, false);
      });
    });

    test("a job settles what was deferred, once, whatever was answered", async () => {
      const buyer = await service.subscriber();
      const deferred: DeferredHold[] = [];
      const work: Work = async (hold) => {
        deferred.push(hold.defer());
        return { status: deferred.length === 1 ? 202 : 500, body: "later" };
      };
      await hosted(kind, work, { cost: 3 }, async ({ url }) => {
        assert.equal((await call(`${url}/work`, buyer.token)).status, 202);
        assert.equal((await call(`${url}/work`, buyer.token)).status, 500);
        assert.deepEqual(await meter(buyer), { used: 0, reserved: 6, remaining: 4 });
        const [first, second] = deferred;
        assert.ok(first && second);
        await first.extend(3600);
        await assert.rejects(first.commit(4), RangeError);
        const charged = await first.commit(2);
        assert.ok(charged?.usage_id);
        assert.deepEqual(await first.commit(2), charged, "a repeat is answered as the first time");
        await assert.rejects(first.release(), /.+/);
        await second.release();
        assert.deepEqual(await meter(buyer), { used: 2, reserved: 0, remaining: 8 });
      });
    });

    test("of fifty calls at once on ten units ten are served", async () => {
      const buyer = await service.subscriber();
      let served = 0;
      const work: Work = async () => {
        served += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { status: 200, body: "done" };
      };
      await hosted(kind, work, {}, async ({ url }) => {
        const calls = await Promise.all(Array.from({ length: 50 }, () => call(`${url}/work`, buyer.token)));
        assert.equal(calls.filter((one) => one.status === 200).length, 10);
        assert.equal(calls.filter((one) => one.status === 429).length, 40);
        assert.equal(served, 10);
        assert.deepEqual(await meter(buyer), { used: 10, reserved: 0, remaining: 0 });
        const refused = await call(`${url}/work`, buyer.token);
        const problem = JSON.parse(refused.body) as { code: string; instance: string; upgrade_url: string };
        assert.deepEqual([problem.code, problem.instance], ["quota_exceeded", "/work"]);
        assert.ok(problem.upgrade_url.startsWith(service.url));
        assert.equal(refused.headers.get("content-type"), "application/problem+json");
        assert.ok(Number(refused.headers.get("retry-after")) > 24 * 60 * 60);
        assert.equal(refused.headers.get("x-quota-remaining"), "0");
      });
    });

    test("who is not let in: nobody, a forger, one without a plan, a key for other things, a service", async () => {
      const buyer = await service.buyer();
      const subscriber = await service.subscriber();
      const usageKey = await service.apiKey(subscriber, ["usage"]);
      const quotaKey = await service.apiKey(subscriber, ["quota"]);
      let served = 0;
      const work: Work = async () => {
        served += 1;
        return { status: 200, body: "done" };
      };
      await hosted(kind, work, {}, async ({ url }) => {
        const codeOf = async (token: string): Promise<string> => {
          const got = await call(`${url}/work`, token);
          return `${got.status} ${(JSON.parse(got.body) as { code: string }).code}`;
        };
        const nobody = await fetch(`${url}/work`);
        assert.deepEqual([nobody.status, nobody.headers.get("www-authenticate")], [401, "Bearer"]);
        assert.equal(((await nobody.json()) as { code: string }).code, "unauthenticated");
        assert.equal(await codeOf(`${buyer.token}x`), "401 unauthenticated");
        assert.equal(await codeOf(buyer.token), "402 subscription_required");
        assert.equal(await codeOf(usageKey), "403 permission_denied");
        assert.equal(await codeOf(serviceKey), "403 permission_denied");
        const two = await fetch(`${url}/work`, { headers: { authorization: `Bearer ${buyer.token}`, "x-api-key": quotaKey } });
        assert.equal(((await two.json()) as { code: string }).code, "two_credentials");
        assert.equal(served, 0);
        assert.equal((await call(`${url}/work`, quotaKey)).status, 200);
        assert.equal(served, 1);
      });
    });

    test("a guard that lets calls pass while the service is away refuses all the same what the service refuses", async () => {
      const nobody = await service.buyer();
      const buyer = await service.subscriber();
      const open = host({ onUnavailable: "allow" });
      await hosted(kind, answer(200), { cost: 11, tollgate: open }, async ({ url }) => {
        assert.equal((await call(`${url}/work`, nobody.token)).status, 402);
        assert.equal((await call(`${url}/work`, buyer.token)).status, 429);
        assert.equal(open.letThrough, 0);
      });
    });

    test("a fault of the host's own is not told to the buyer as theirs", async () => {
      const buyer = await service.subscriber();
      const wrong = new Tollgate({ url: service.url, serviceKey: ["sk", "test", "0".repeat(49)].join("_") });
      await hosted(kind, answer(200), { tollgate: wrong }, async ({ url }) => {
        assert.deepEqual(await call(`${url}/work`, buyer.token).then((got) => [got.status, got.body]), [500, "broken"]);
      });
    });
  });
}

describe("while the service is away", () => {
  let other: Service;
  before(async () => {
    other = await Service.start();
  });
  after(() => other?.stop());

  for (const kind of KINDS) {
    test(`${kind}: a guard is closed, unless it is told to let calls pass; what is done is charged afterwards`, async () => {
      const buyer = await other.subscriber();
      const key = await other.serviceKey(["quota"]);
      const unknownKey = await other.apiKey(buyer);
      const told: string[] = [];
      const settings = { url: other.url, serviceKey: key, timeoutMs: 3_000, log: (message: string) => void told.push(message) };
      const closed = new Tollgate(settings);
      const open = new Tollgate({ ...settings, onUnavailable: "allow" });
      let served = 0;
      let whileServed = async (): Promise<void> => undefined;
      const work: Work = async (hold) => {
        served += 1;
        await whileServed();
        return { status: 200, body: hold.quota === undefined ? "uncharged" : "charged" };
      };
      await hosted(kind, work, { tollgate: closed }, async (closedHost) => {
        await hosted(kind, work, { tollgate: open }, async (openHost) => {
          assert.equal((await call(`${openHost.url}/work`, buyer.token)).body, "charged");
          whileServed = () => other.pause();
          const begun = performance.now();
          assert.deepEqual(await call(`${closedHost.url}/work`, buyer.token).then((got) => [got.status, got.body]), [200, "charged"]);
          assert.ok(performance.now() - begun < 15_000, "the answer does not wait for the service to come back");
          whileServed = async () => undefined;

          assert.equal(served, 2);
          const refused = await call(`${closedHost.url}/work`, buyer.token);
          assert.deepEqual([refused.status, (JSON.parse(refused.body) as { code: string }).code], [503, "unavailable"]);
          assert.ok(Number(refused.headers.get("retry-after")) >= 1);
          assert.ok(!refused.body.includes(other.url), "where the service is, is not told");
          assert.equal(served, 2);
          assert.equal((await call(`${openHost.url}/work`, buyer.token)).body, "uncharged");
          assert.equal(open.letThrough, 1);
          assert.equal((await call(`${openHost.url}/work`, unknownKey)).status, 503, "who it is must be known");
          assert.equal(open.letThrough, 1);
          assert.ok(told.some((message) => message.includes("uncharged")));

          await other.resume();
          await until("what was done meanwhile is charged", async () => (await meter(buyer)).used === 2);
          assert.deepEqual(await meter(buyer), { used: 2, reserved: 0, remaining: 8 });
        });
      });
    });
  }
});
