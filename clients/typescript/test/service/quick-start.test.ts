// The programs of the two READMEs, run as they stand there, against the package as it is published.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { createAdaptorServer } from "@hono/node-server";

import { call, listen } from "./host.js";
import { Service, meter } from "./service.js";

let service: Service;
before(async () => {
  service = await Service.start();
  process.env["TOLLGATE_URL"] = service.url;
  process.env["TOLLGATE_SERVICE_KEY"] = await service.serviceKey(["quota"]);
});
after(() => service?.stop());

for (const name of ["README.md", "README.zh-CN.md"]) {
  test(`the quick start of ${name} sells a route`, async () => {
    const program = /```js\n([\s\S]*?)```/.exec(await readFile(name, "utf8"))?.[1];
    assert.ok(program, "there is no quick start");
    assert.ok(program.trimEnd().split("\n").length < 15, "it is longer than 15 lines");
    await mkdir("build/quick-start", { recursive: true });
    const file = join("build/quick-start", `${name}.mjs`);
    await writeFile(file, program);
    const module = (await import(pathToFileURL(file).href)) as { default: { fetch: (request: Request) => Promise<Response> } };
    const host = await listen(createAdaptorServer(module.default) as ReturnType<typeof createServer>);
    try {
      const buyer = await service.subscriber();
      const got = await call(host.url, buyer.token);
      assert.deepEqual(JSON.parse(got.body), { done: true, for: buyer.id });
      assert.deepEqual(await meter(buyer), { used: 2, reserved: 0, remaining: 8 });
      assert.equal((await fetch(host.url)).status, 401);
      for (let more = 0; more < 2; more += 1) assert.equal((await call(host.url, buyer.token)).status, 200);
      assert.equal((await call(host.url, buyer.token)).status, 429, "four are left, five are set aside");
    } finally {
      await host.close();
    }
  });
}
