// The same route behind the same guard, in three applications: one of handlers (Hono), Express, and bare node:http.
import { once } from "node:events";
import { createServer, get } from "node:http";
import type { ClientRequest, Server } from "node:http";
import type { AddressInfo } from "node:net";

import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { consumeQuota } from "tollgate";
import type { Hold, QuotaTerms, Tollgate } from "tollgate";
import * as middleware from "tollgate/express";

export const RESOURCE = "dicom_processing";
export const KINDS = ["handlers", "express", "node"] as const;
export type Kind = (typeof KINDS)[number];

/** What the route does; a throw is what it is. */
export type Work = (hold: Hold) => Promise<{ status: number; body: string }>;

export interface Host {
  url: string;
  close(): Promise<void>;
}

export async function startHost(kind: Kind, tollgate: Tollgate, work: Work, terms: QuotaTerms = {}): Promise<Host> {
  return await listen({ handlers, express: ofExpress, node: ofNode }[kind](tollgate, work, terms));
}

function handlers(tollgate: Tollgate, work: Work, terms: QuotaTerms): Server {
  const guarded = consumeQuota(tollgate, RESOURCE, terms)(async (_request, _context, { hold }) => {
    const { status, body } = await work(hold);
    return new Response(body, { status });
  });
  const app = new Hono();
  app.get("/work", (context) => guarded(context.req.raw, context));
  app.onError((_error, context) => context.text("broken", 500));
  return createAdaptorServer({ fetch: app.fetch }) as Server;
}

function ofExpress(tollgate: Tollgate, work: Work, terms: QuotaTerms): Server {
  const app = express();
  app.get("/work", middleware.consumeQuota(tollgate, RESOURCE, terms), async (request, response) => {
    const { status, body } = await work(middleware.holdOf(request));
    response.status(status).send(body);
  });
  app.use(((_error, _request, response, _next) => {
    response.status(500).send("broken");
  }) as express.ErrorRequestHandler);
  return createServer(app);
}

function ofNode(tollgate: Tollgate, work: Work, terms: QuotaTerms): Server {
  const guard = middleware.consumeQuota(tollgate, RESOURCE, terms);
  return createServer((request, response) => {
    const broken = (): void => void response.writeHead(500).end("broken");
    guard(request, response, (error) => {
      if (error !== undefined) return broken();
      work(middleware.holdOf(request)).then(({ status, body }) => response.writeHead(status).end(body), broken);
    });
  });
}

export async function listen(server: Server): Promise<Host> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A call whose connection the test can cut. */
export function hangUpLater(url: string, token: string): ClientRequest {
  const request = get(url, { headers: { authorization: `Bearer ${token}` }, agent: false });
  // Cutting it is what the test wants; it is not told as an error.
  request.on("error", () => undefined);
  return request;
}

export async function call(url: string, token: string): Promise<{ status: number; body: string; headers: Headers }> {
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${token}` },
    redirect: "manual",
    signal: AbortSignal.timeout(30_000),
  });
  return { status: response.status, body: await response.text(), headers: response.headers };
}
