// Compiled, never run: what an application writes has the types that it should.
import { QuotaExceeded, Tollgate, consumeQuota, requireSubscription, webhooks } from "tollgate";
import type { Subscribed } from "tollgate";
import * as middleware from "tollgate/express";

const host = new Tollgate({ url: "http://tollgate.test", serviceKey: "x" });

interface Worker {
  ctx: { waitUntil(work: Promise<unknown>): void };
}
const terms = { waitUntil: (work: Promise<void>, { ctx }: Worker) => ctx.waitUntil(work) };

export const film = requireSubscription(host, "pro")(
  consumeQuota(host, "film", terms)<Worker, Subscribed>((request, _context, { caller, hold, subscription }) => {
    hold.setCost(1);
    return new Response([request.url, caller.userId, subscription.plan.slug].join(" "));
  }),
);

export const guard = middleware.consumeQuota(host, "film");

export async function walk(signal: AbortSignal): Promise<string | undefined> {
  for await (const payment of host.payments.transactions({ status: "completed" }, { signal })) {
    return payment.amount.toUpperCase();
  }
  const event = await webhooks.verify("", new Headers(), ["x", "y"]);
  return event.type;
}

export function left(error: unknown): number | null | undefined {
  return error instanceof QuotaExceeded ? error.quota?.remaining : undefined;
}

// @ts-expect-error two credentials at once
new Tollgate({ url: "http://tollgate.test", serviceKey: "x", apiKey: "y" });
// @ts-expect-error what is used is not said
void host.quota.consume({});
// @ts-expect-error the service knows no such filter
host.usage.logs({ colour: "blue" });
// @ts-expect-error a plan is not named by a number
void host.payments.subscribe({ plan_slug: 1 });
