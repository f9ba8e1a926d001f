// Who is let in by the guards that charge nothing, in both shapes.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import { Tollgate, consumeQuota, requireAuth, requirePermission, requireSubscription } from "tollgate";
import type { Subscribed } from "tollgate";
import * as middleware from "tollgate/express";

import { RESOURCE, call, listen } from "./host.js";
import type { Host } from "./host.js";
import { Service, meter } from "./service.js";

let service: Service;
let tollgate: Tollgate;

before(async () => {
  service = await Service.start();
  tollgate = new Tollgate({ url: service.url, serviceKey: await service.serviceKey(["quota"]) });
});
after(() => service?.stop());

function handlers(): Promise<Host> {
  const routes: Record<string, (request: Request, context: unknown) => Promise<Response>> = {
    "/me": requireAuth(tollgate)((_request, _context, { caller }) => new Response(caller.userId)),
    "/account": requireAuth(tollgate, { scope: "account" })((_request, _context, { caller }) => new Response(caller.userId)),
    "/any": requireSubscription(tollgate)((_request, _context, { subscription }) => new Response(subscription.plan.slug)),
    "/pro": requireSubscription(tollgate, ["pro", "enterprise"])(() => new Response("pro")),
    "/ops": requirePermission(tollgate, "admin")(() => new Response("ops")),
    "/both": requireSubscription(tollgate, "free")(
      consumeQuota(tollgate, RESOURCE)<unknown, Subscribed>(
        (_request, _context, { subscription, hold }) => new Response(`${subscription.plan.slug} ${hold.cost}`),
      ),
    ),
  };
  const answer = async (request: Request): Promise<Response> =>
    (await routes[new URL(request.url).pathname]?.(request, undefined)) ?? new Response(null, { status: 404 });
  return listen(createAdaptorServer({ fetch: answer }) as ReturnType<typeof createServer>);
}

function ofExpress(): Promise<Host> {
  const app = express();
  const { callerOf, holdOf, subscriptionOf } = middleware;
  app.get("/me", middleware.requireAuth(tollgate), (request, response) => void response.send(callerOf(request).userId));
  app.get("/account", middleware.requireAuth(tollgate, { scope: "account" }), (request, response) => {
    response.send(callerOf(request).userId);
  });
  app.get("/any", middleware.requireSubscription(tollgate), (request, response) => {
    response.send(subscriptionOf(request).plan.slug);
  });
  app.get("/pro", middleware.requireSubscription(tollgate, ["pro", "enterprise"]), (_request, response) => void response.send("pro"));
  app.get("/ops", middleware.requirePermission(tollgate, "admin"), (_request, response) => void response.send("ops"));
  const both = [middleware.requireSubscription(tollgate, "free"), middleware.consumeQuota(tollgate, RESOURCE)];
  app.get("/both", ...both, (request, response) => {
    response.send(`${subscriptionOf(request).plan.slug} ${holdOf(request).cost}`);
  });
  app.get("/unguarded", (request, response) => void response.send(callerOf(request).userId));
  app.use(((error: Error, _request, response, _next) => {
    response.status(500).send(error.message);
  }) as express.ErrorRequestHandler);
  return listen(createServer(app));
}

for (const [kind, start] of Object.entries({ handlers, express: ofExpress })) {
  test(`${kind}: each route lets those in whom it is for`, async () => {
    const host = await start();
    try {
      const nobody = await service.buyer();
      const buyer = await service.subscriber();
      const key = await service.apiKey(buyer);
      const accountKey = await service.apiKey(buyer, ["account"]);
      const { token: admin } = await service.admin();
      const got = async (path: string, token: string): Promise<string> => {
        const { status, body } = await call(`${host.url}${path}`, token);
        return status < 400 ? body : `${status} ${(JSON.parse(body) as { code: string }).code}`;
      };
      assert.equal((await fetch(`${host.url}/me`)).status, 401);
      assert.equal(await got("/me", buyer.token), buyer.id);
      assert.equal(await got("/me", key), buyer.id);
      assert.equal(await got("/me", accountKey), "403 permission_denied");
      assert.equal(await got("/account", accountKey), buyer.id);

      assert.equal(await got("/any", nobody.token), "402 subscription_required");
      assert.equal(await got("/any", buyer.token), "free");
      assert.equal(await got("/any", key), "free");
      assert.equal(await got("/pro", buyer.token), "402 plan_required");
      assert.equal(await got("/pro", nobody.token), "402 subscription_required");

      assert.equal(await got("/ops", buyer.token), "403 permission_denied");
      assert.equal(await got("/ops", key), "403 permission_denied");
      assert.equal(await got("/ops", admin), "ops");

      assert.equal(await got("/both", nobody.token), "402 subscription_required");
      assert.equal(await got("/both", buyer.token), "free 1");
      assert.deepEqual(await meter(buyer), { used: 1, reserved: 0, remaining: 9 });

      const order = await buyer.tollgate.payments.subscribe({ plan_slug: "pro", payment_method: "alipay", client: "pc" });
      await service.payByPhone(order);
      await buyer.tollgate.payments.status(order.transaction?.id ?? "", { wait: 25 });
      assert.equal(await got("/pro", buyer.token), "pro", "a no is not remembered: who has paid is let in at once");
    } finally {
      await host.close();
    }
  });
}

test("express: a handler that forgot its guard is told which", async () => {
  const host = await ofExpress();
  try {
    const { status, body } = await call(`${host.url}/unguarded`, "x");
    assert.equal(status, 500);
    assert.match(body, /put requireAuth in front of this route/);
  } finally {
    await host.close();
  }
});

test("a refusal speaks the caller's language", async () => {
  const host = await handlers();
  try {
    const nobody = await service.buyer();
    const titles = [];
    for (const language of ["zh", "en"]) {
      const headers = { authorization: `Bearer ${nobody.token}`, "accept-language": language };
      titles.push(((await (await fetch(`${host.url}/pro`, { headers })).json()) as { title: string }).title);
    }
    assert.deepEqual(titles, ["需要订阅套餐", "A subscription is required"]);
  } finally {
    await host.close();
  }
});
