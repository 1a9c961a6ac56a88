// The page on which a browser explores the schema: GraphiQL with a field for the viewer's token.
//
// `#token=…&query=…` behind the address fills both. A fragment stays in the browser, so neither ever
// reaches a server's log, and it is taken off the address at once. What is typed lives in the
// session's storage and ends with the tab. The page loads nothing from another host.

import "./workers.js";

import { GraphiQL } from "graphiql";
import { useState } from "react";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "./page.css";

const TOKEN = "chibo:token";

function takeFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (location.hash) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  if (fragment.has("token")) {
    sessionStorage.setItem(TOKEN, fragment.get("token").trim());
  }
  return fragment.get("query") ?? undefined;
}

function fetcherFor(token) {
  return async (request, { headers = {} } = {}) => {
    const response = await fetch(location.pathname, {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json, application/json",
        "Content-Type": "application/json",
        ...(token && { Authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: JSON.stringify(request),
    });
    return response.json();
  };
}

function TokenField({ token, onChange }) {
  const [typed, setTyped] = useState(token);
  const take = (event) => {
    event.preventDefault();
    onChange(typed.trim());
  };
  return (
    <form className="chibo-token" onSubmit={take}>
      <strong>Chibo</strong>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        type="password"
        autoComplete="off"
        spellCheck={false}
        placeholder="chibo token PRINCIPAL prints one"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <button type="submit">Use</button>
    </form>
  );
}

function Page({ query }) {
  const [token, setToken] = useState(sessionStorage.getItem(TOKEN) ?? "");
  const change = (next) => {
    sessionStorage.setItem(TOKEN, next);
    setToken(next);
  };
  return (
    <>
      <TokenField token={token} onChange={change} />
      <GraphiQL
        key={token} // another viewer: the schema is asked for anew
        fetcher={fetcherFor(token)}
        storage={sessionStorage}
        initialQuery={query}
        defaultQuery={"{\n  viewer {\n    name\n  }\n}\n"}
        showPersistHeadersSettings={false}
      />
    </>
  );
}

// Another link of this page, opened in the same tab, changes the fragment alone.
addEventListener("hashchange", () => location.reload());
const query = takeFragment();
createRoot(document.getElementById("page")).render(<Page query={query} />);
