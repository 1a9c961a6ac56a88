// Listens by the package graphql-ws: `node websocket.mjs URL COUNT`, with the token in CHIBO_TOKEN,
// variables as JSON in CHIBO_VARIABLES and the document in CHIBO_DOCUMENT. Prints a line of JSON for
// each thing that happens: {"listening"}, {"next"}, {"error"}, {"closed"}, {"pong"}; ends after COUNT
// events, an error, a fatal close or the end.

import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, count] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: `Bearer ${process.env.CHIBO_TOKEN}`, acceptLanguage: "en" },
  keepAlive: 200,
  retryAttempts: Number(process.env.CHIBO_RETRIES ?? 0),
  shouldRetry: () => true,
  retryWait: () => new Promise((done) => setTimeout(done, 200)),
  on: {
    connected: () => say({ connected: true }),
    closed: (event) => say({ closed: event.code }),
    pong: (received) => received && say({ pong: true }),
  },
});

const document = {
  query: process.env.CHIBO_DOCUMENT,
  variables: JSON.parse(process.env.CHIBO_VARIABLES ?? "{}"),
};
let heard = 0;
await new Promise((done) => {
  const leave = client.subscribe(document, {
    next: (value) => {
      say({ next: value });
      if (++heard === Number(count)) {
        leave();
        done();
      }
    },
    error: (error) => {
      say({ error: Array.isArray(error) ? error : { code: error.code } });
      done();
    },
    complete: done,
  });
});
await client.dispose();
