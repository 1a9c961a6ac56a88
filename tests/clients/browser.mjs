// A page in a browser's stead: `node browser.mjs FOLDER HASH` opens FOLDER/index.html, runs its
// module, and prints a line of JSON (rows, kinds, hasMore, message) whenever the page has changed
// and come to rest. A line "click ID" or "choose ID VALUE" on standard input does that.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseHTML } from "linkedom";

const REST = 200;
const [folder, hash] = process.argv.slice(2);
const { document, window } = parseHTML(await readFile(`${folder}/index.html`, "utf8"));
globalThis.document = document;
globalThis.location = { hash };

let last;
setInterval(() => {
  const found = JSON.stringify({
    rows: [...document.querySelectorAll("tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => cell.textContent),
    ),
    kinds: [...document.querySelectorAll("option")].map((option) => option.getAttribute("value")),
    hasMore: !document.getElementById("more").hidden,
    message: document.getElementById("message").textContent,
  });
  if (found !== last) console.log(found);
  last = found;
}, REST);

createInterface({ input: process.stdin }).on("line", (line) => {
  const [what, id, value] = line.split(" ");
  const element = document.getElementById(id);
  if (what === "choose") {
    Object.defineProperty(element, "value", { value, configurable: true });
    element.dispatchEvent(new window.Event("change"));
  } else element.dispatchEvent(new window.Event("click"));
});

await import(pathToFileURL(`${folder}/page.mjs`));
