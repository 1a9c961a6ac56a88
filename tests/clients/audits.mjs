// The audits of GraphQL over HTTP by the package graphql-http: `node audits.mjs URL`, with the
// token in CHIBO_TOKEN. Prints a JSON array: of each audit its id, its name, whether it passed (else
// "error", "warn" or "notice") and why not.

import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
const authorization = `Bearer ${process.env.CHIBO_TOKEN}`;

const fetchFn = (address, given = {}) =>
  fetch(address, { ...given, headers: { ...given.headers, authorization } });

const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { status, reason } = await audit.fn();
  results.push({ id: audit.id, name: audit.name, status, reason });
}
console.log(JSON.stringify(results));
