// Makes src/schema.ts from the service's OpenAPI document.
//
//     node scripts/generate-schema.mjs DOCUMENT [OUTPUT]        writes OUTPUT (src/schema.ts when left out)
//     node scripts/generate-schema.mjs DOCUMENT --check         fails if src/schema.ts is not what would be written
//
// Names of operations are left out: the client goes by paths, and names that are used twice would be members that are
// declared twice. A parameter that says it is in the path, of a path that does not hold it, is taken for one of the
// query, and told; a document without such parameters passes through unchanged.
import { readFile, writeFile } from "node:fs/promises";
import openapiTypescript, { astToString } from "openapi-typescript";

const [source, target = "src/schema.ts"] = process.argv.slice(2);
if (source === undefined) {
  console.error("usage: node scripts/generate-schema.mjs DOCUMENT [OUTPUT | --check]");
  process.exit(2);
}

const document = JSON.parse(await readFile(source, "utf8"));
let misplaced = 0;
for (const [path, operations] of Object.entries(document.paths)) {
  for (const operation of Object.values(operations)) {
    delete operation.operationId;
    for (const parameter of operation.parameters ?? []) {
      if (parameter.in === "path" && !path.includes(`{${parameter.name}}`)) {
        misplaced += 1;
        parameter.in = "query";
        parameter.required = ![parameter.schema?.type].flat().includes("null");
      }
    }
  }
}
if (misplaced > 0) {
  console.error(`${source}: ${misplaced} parameters are said to be in a path that does not hold them; taken for query parameters`);
}

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
