// Listens by the package graphql-sse, as `websocket.mjs` does by graphql-ws. After a lost connection
// it goes on by Last-Event-ID, which its caller keeps: the cursor of the last event.

import { createClient } from "graphql-sse";

const [url, count] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));

let last = process.env.CHIBO_LAST_EVENT_ID;
const client = createClient({
  url,
  headers: () => ({
    authorization: `Bearer ${process.env.CHIBO_TOKEN}`,
    "accept-language": "en",
    ...(last ? { "last-event-id": last } : {}),
  }),
  retryAttempts: Number(process.env.CHIBO_RETRIES ?? 0),
  retry: () => new Promise((done) => setTimeout(done, 200)),
});

const document = {
  query: process.env.CHIBO_DOCUMENT,
  variables: JSON.parse(process.env.CHIBO_VARIABLES ?? "{}"),
};
let heard = 0;
await new Promise((done) => {
  const leave = client.subscribe(
    document,
    {
      next: (value) => {
        say({ next: value });
        last = value.data?.recordChanges?.cursor ?? last;
        if (++heard === Number(count)) {
          leave();
          done();
        }
      },
      error: (error) => {
        say({ error: { status: error.response?.status, message: error.message } });
        done();
      },
      complete: done,
    },
    { connected: () => say({ connected: true }) },
  );
});
client.dispose();
