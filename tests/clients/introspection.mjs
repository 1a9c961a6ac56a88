// Whether a server's schema, as tools learn it by introspection, is the one in a file:
// `node introspection.mjs URL FILE`, with the token in CHIBO_TOKEN. Fails where it is not.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  printSchema,
} from "graphql";

const [url, file] = process.argv.slice(2);
const query = getIntrospectionQuery({
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
});
const headers = {
  authorization: `Bearer ${process.env.CHIBO_TOKEN}`,
  "content-type": "application/json",
};
const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) });
const { data, errors } = await answer.json();
assert.equal(errors, undefined);
const sorted = (schema) => printSchema(lexicographicSortSchema(schema));
const written = buildSchema(await readFile(file, "utf-8"));
assert.equal(sorted(buildClientSchema(data)), sorted(written));
