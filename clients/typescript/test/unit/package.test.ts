// What is published runs anywhere: nothing is imported but the package's own files, and it has no dependencies.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

test("the package imports nothing but its own files", async () => {
  const names = (await readdir("dist", { recursive: true })).filter((name) => /\.(js|d\.ts)$/.test(name));
  assert.ok(names.length > 100);
  for (const name of names) {
    const text = await readFile(join("dist", name), "utf8");
    const sources = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].map((found) => found[1]);
    for (const source of sources) assert.match(source ?? "", /^\.\.?\/.*\.js$/, `${name} imports ${source}`);
  }
  const { dependencies, peerDependencies } = JSON.parse(await readFile("package.json", "utf8")) as Record<string, unknown>;
  assert.deepEqual([dependencies, peerDependencies], [undefined, undefined]);
});

test("the lock file names no place to download from", async () => {
  const lock = await readFile("package-lock.json", "utf8");
  assert.ok(!lock.includes('"resolved"'));
});
