// Makes src/schema.ts from the service's OpenAPI document.
//
//     node scripts/generate-schema.mjs DOCUMENT [OUTPUT]        writes OUTPUT (src/schema.ts when left out)
//     node scripts/generate-schema.mjs DOCUMENT --check         fails if src/schema.ts is not what would be written
import { readFile, writeFile } from "node:fs/promises";
import openapiTypescript, { astToString } from "openapi-typescript";

const [source, target = "src/schema.ts"] = process.argv.slice(2);
if (source === undefined) {
  console.error("usage: node scripts/generate-schema.mjs DOCUMENT [OUTPUT | --check]");
  process.exit(2);
}

const document = JSON.parse(await readFile(source, "utf8"));
const types = await openapiTypescript(document, { emptyObjectsUnknown: true });
const text = `// Generated from docs/openapi.json by scripts/generate-schema.mjs; not edited by hand.\n\n${astToString(types)}`;
if (target === "--check") {
  const kept = await readFile("src/schema.ts", "utf8").catch(() => "");
  if (kept !== text) {
    console.error(`src/schema.ts is not what ${source} gives: run npm run schema -- ${source}`);
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
