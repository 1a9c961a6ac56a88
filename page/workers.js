// The editors check and complete in workers, which lie beside the page's own script.

const FILES = { graphql: "graphql.worker.js", json: "json.worker.js" };

globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    return new Worker(new URL(FILES[label] ?? "editor.worker.js", import.meta.url));
  },
};
