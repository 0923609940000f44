// Compiles the definitions of JSON Schema documents with Ajv in its strict mode, and validates examples.
//
//   node strict.mjs market.schema.json < cases.jsonl
//
// A line [name of a definition, value] each; prints whether the value is valid, true or false a line. Exits with 1 and
// the reason if Ajv refuses the schema.

import { readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";

const ajv = new Ajv({ strict: true });
const schema = JSON.parse(readFileSync(process.argv[2], "utf8"));
ajv.addSchema(schema, "document");
for (const name of Object.keys(schema.$defs)) ajv.compile({ $ref: `document#/$defs/${name}` });
ajv.compile({ $ref: "document#" });
const lines = readFileSync(0, "utf8").split("\n").filter((line) => line);
for (const line of lines) {
  const [name, value] = JSON.parse(line);
  console.log(ajv.validate({ $ref: `document#/$defs/${name}` }, value));
}
