// The middleware holds an answer back until its units are settled; handlers and streams must not notice.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, before, test } from "node:test";

import express from "express";
import { Tollgate } from "tollgate";
import { consumeQuota } from "tollgate/express";

import { RESOURCE, call, listen } from "./host.js";
import { Service, meter } from "./service.js";
import type { Buyer } from "./service.js";

let service: Service;
let tollgate: Tollgate;
let buyer: Buyer;
const told: string[] = [];

before(async () => {
  service = await Service.start();
  const log = (message: string): void => void told.push(message);
  tollgate = new Tollgate({ url: service.url, serviceKey: await service.serviceKey(["quota"]), log });
  buyer = await service.subscriber();
});
after(() => service?.stop());

type Answerer = (request: IncomingMessage, response: ServerResponse) => void;

async function answered(answer: Answerer): Promise<{ status: number; body: string; headers: Headers; used: number }> {
  const guard = consumeQuota(tollgate, RESOURCE);
  const host = await listen(createServer((request, response) => guard(request, response, () => answer(request, response))));
  const before = (await meter(buyer)).used;
  try {
    const got = await call(host.url, buyer.token);
    return { ...got, used: (await meter(buyer)).used - before };
  } finally {
    await host.close();
  }
}

test("a piped body arrives whole, with its back pressure", async () => {
  const bytes = randomBytes(3_000_000);
  const got = await answered((_request, response) => {
    response.setHeader("x-own", "kept");
    void pipeline(Readable.from(Array.from({ length: 30 }, (_, part) => bytes.subarray(part * 100_000, (part + 1) * 100_000))), response);
  });
  assert.deepEqual([got.status, got.headers.get("x-own"), got.used], [200, "kept", 1]);
  // As text the bytes are changed, the same way on both sides.
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  assert.equal(digest(got.body), digest(new TextDecoder().decode(bytes)));
});

test("a stream of small parts goes on after its first one", async () => {
  const got = await answered((_request, response) => void pipeline(Readable.from(["one ", "two ", "three"]), response));
  assert.deepEqual([got.body, got.used], ["one two three", 1]);
});

test("writeHead, write and end keep their order and their arguments", async () => {
  const seen: string[] = [];
  const got = await answered((_request, response) => {
    response.writeHead(201, "Made", { "content-type": "text/plain", "x-own": "kept" });
    response.write("one ", () => seen.push("one"));
    response.write(Buffer.from("two "), () => seen.push("two"));
    response.end("three", () => seen.push("end"));
  });
  assert.deepEqual([got.status, got.body, got.headers.get("x-own"), got.used], [201, "one two three", "kept", 1]);
  assert.deepEqual(seen, ["one", "two", "end"]);
  assert.equal(got.headers.get("x-quota-limit"), "10");
});

test("the status of writeHead counts, not that of before", async () => {
  const got = await answered((_request, response) => {
    response.statusCode = 200;
    response.writeHead(422).end("no");
  });
  assert.deepEqual([got.status, got.used], [422, 0]);
});

test("an answer is sent as soon as it is: later headers are refused as ever", async () => {
  let refusal: unknown;
  let isSent: boolean | undefined;
  const got = await answered((_request, response) => {
    response.end("done");
    isSent = response.headersSent;
    try {
      response.setHeader("x-late", "1");
    } catch (error) {
      refusal = (error as NodeJS.ErrnoException).code;
    }
  });
  assert.deepEqual([got.status, got.headers.get("x-late"), got.used], [200, null, 1]);
  assert.deepEqual([isSent, refusal], [true, "ERR_HTTP_HEADERS_SENT"]);
});

test("an impossible status breaks the connection, not the process, and is charged nothing", async () => {
  const before = (await meter(buyer)).used;
  await assert.rejects(answered((_request, response) => void response.writeHead(9999).end()), /fetch failed/);
  assert.deepEqual(told, ["an answer could not be sent"]);
  assert.deepEqual(await meter(buyer), { used: before, reserved: 0, remaining: 10 - before });
});

test("middleware that wraps the response after the guard stays in force", async () => {
  const app = express();
  app.get(
    "/",
    consumeQuota(tollgate, RESOURCE),
    (_request, response, next) => {
      const write = response.write.bind(response) as (chunk: string) => boolean;
      const end = response.end.bind(response) as () => typeof response;
      response.write = ((chunk: string) => write(chunk.toUpperCase())) as typeof response.write;
      response.end = ((chunk?: string) => {
        if (typeof chunk === "string") response.write(chunk);
        return end();
      }) as typeof response.end;
      next();
    },
    (_request, response) => {
      response.write("one ");
      setTimeout(() => response.end("two"), 300);
    },
  );
  const host = await listen(createServer(app));
  try {
    assert.equal((await call(host.url, buyer.token)).body, "ONE TWO");
  } finally {
    await host.close();
  }
});

test("express: json, redirect, sendStatus and errors of their own settle by their status", async () => {
  const app = express();
  const guard = consumeQuota(tollgate, RESOURCE);
  app.get("/json", guard, (_request, response) => void response.json({ done: true }));
  app.get("/redirect", guard, (_request, response) => response.redirect("/json"));
  app.get("/gone", guard, (_request, response) => void response.sendStatus(410));
  app.get("/throw", guard, () => {
    throw new Error("no film");
  });
  app.use(((_error, _request, response, _next) => {
    response.status(503).json({ done: false });
  }) as express.ErrorRequestHandler);
  const host = await listen(createServer(app));
  try {
    const before = (await meter(buyer)).used;
    const statuses = [];
    for (const path of ["/json", "/redirect", "/gone", "/throw"]) {
      statuses.push([(await call(`${host.url}${path}`, buyer.token)).status, (await meter(buyer)).used - before]);
    }
    assert.deepEqual(statuses, [[200, 1], [302, 2], [410, 2], [503, 2]]);
    assert.equal((await meter(buyer)).reserved, 0);
  } finally {
    await host.close();
  }
});
