// Events of the real service, verified as a receiver does.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { WebhookRefused, webhooks } from "tollgate";
import type { WebhookEvent } from "tollgate";

import { listen } from "./host.js";
import { Service, until } from "./service.js";

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service?.stop());

test("a payment's event is verified, with either secret while they are exchanged, and with no other", async () => {
  const arrived: { body: Buffer; headers: Record<string, string | string[] | undefined> }[] = [];
  const host = await listen(
    createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        arrived.push({ body: Buffer.concat(chunks), headers: request.headers });
        response.writeHead(204).end();
      });
    }),
  );
  try {
    const { token } = await service.admin();
    const wish = { url: host.url, event_types: ["payment.completed"] };
    const endpoint = await service.post("/admin/webhook-endpoints", token, wish);
    const secret = String(endpoint["secret"]);
    const buyer = await service.buyer();
    const order = await buyer.tollgate.payments.subscribe({ plan_slug: "pro", payment_method: "alipay", client: "pc" });
    await service.payByPhone(order);
    await until("the event arrives", async () => arrived.length > 0);
    const [first] = arrived;
    assert.ok(first);
    const event: WebhookEvent = await webhooks.verify(first.body, first.headers, secret);
    assert.deepEqual([event.type, event.data["id"], event.data["amount"]], ["payment.completed", order.transaction?.id, "99.00"]);
    const another = ["whsec", Buffer.alloc(24, 7).toString("base64")].join("_");
    await assert.rejects(webhooks.verify(first.body, first.headers, another), WebhookRefused);

    const rotated = await service.post(`/admin/webhook-endpoints/${String(endpoint["id"])}/rotate-secret`, token, {});
    arrived.length = 0;
    await service.post(`/admin/webhook-endpoints/${String(endpoint["id"])}/test`, token, {});
    await until("the test event arrives", async () => arrived.length > 0);
    const [later] = arrived;
    assert.ok(later);
    for (const one of [secret, String(rotated["secret"])]) {
      assert.equal((await webhooks.verify(later.body, later.headers, one)).type, "endpoint.test");
    }
  } finally {
    await host.close();
  }
});
