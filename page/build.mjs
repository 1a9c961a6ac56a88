// Bundles the page into ../server/page: everything it loads comes from the server that serves it.

import { cp, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const output = here("../server/page");

const shared = {
  absWorkingDir: here("."),
  bundle: true,
  minify: true,
  legalComments: "linked",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".ttf": "file" },
  assetNames: "[name]-[hash]",
  outdir: output,
  logLevel: "warning",
};

await rm(output, { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: { page: "page.jsx" },
  format: "esm",
  splitting: true,
  chunkNames: "[name]-[hash]",
  jsx: "automatic",
});
await build({
  ...shared,
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  },
  format: "iife",
});
await cp(here("index.html"), `${output}/index.html`);
