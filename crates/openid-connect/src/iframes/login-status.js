// The client that asks first is the only one to be answered: one question to the server for each frame.
let first;

async function isKnown(client, origin) {
  const url = new URL(location.pathname + "/init", location.origin);
  url.search = new URLSearchParams({ client_id: client, origin });
  return (await fetch(url)).ok;
}

function cookie(name) {
  const pairs = document.cookie.split(";").map((pair) => pair.trim());
  const pair = pairs.find((pair) => pair.startsWith(name + "="));
  return pair?.slice(name.length + 1).replace(/^"(.*)"$/, "$1");
}

async function digest(text) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-384", new TextEncoder().encode(text)));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

async function status(client, session, origin) {
  if (!(await storageAccess())) {
    return "error";
  }
  first ??= { client, origin, known: isKnown(client, origin) };
  if (client !== first.client || origin !== first.origin || !(await first.known)) {
    return "error";
  }
  const known = cookie("KEYCLOAK_SESSION");
  if (!known) {
    return session === "" ? "unchanged" : "changed";
  }
  return (await digest(session)) === known ? "unchanged" : "changed";
}

// "{client} {session}" is answered by "unchanged", "changed" or "error".
addEventListener("message", async ({ data, origin, source }) => {
  const space = typeof data === "string" ? data.lastIndexOf(" ") : -1;
  if (space < 0 || origin === "null") {
    return;
  }
  const answer = status(data.slice(0, space), data.slice(space + 1), origin);
  source.postMessage(await answer.catch(() => "error"), origin);
});
