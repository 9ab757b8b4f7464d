// Chromium without a window, and a site for it.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";
import { load, serve } from "../node/support.mjs";

const { default: playwright } = await load("playwright-core");
const KEYCLOAK_JS = readFileSync(createRequire(import.meta.url).resolve("keycloak-js"));

/** The browser of a file; CHROMIUM says where its program is, if not where the system has it. */
export async function browserOfThisFile() {
  const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = process.env.CHROMIUM ?? usual.find(existsSync);
  const browser = await playwright.chromium.launch({
    executablePath,
    // As root it has no sandbox; containers have little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
  after(() => browser.close());
  return browser;
}

// What keycloak-js is told comes in the query of the page, since each redirect loads the page anew.
const PAGE = `<!doctype html>
<html lang="en">
<title>Application</title>
<p id="state">starting</p>
<script type="module">
  import Keycloak from "/keycloak.js";
  const query = new URLSearchParams(location.search);
  const { server, ...options } = JSON.parse(query.get("options"));
  const kc = new Keycloak(server);
  window.kc = kc;
  window.events = [];
  for (const name of ["onAuthSuccess", "onAuthError", "onAuthLogout", "onAuthRefreshSuccess", "onActionUpdate"])
    kc[name] = (...said) => window.events.push([name, ...said]);
  const show = (state) => (document.getElementById("state").textContent = state);
  kc.init(options).then(
    (authenticated) => show(authenticated ? "signed in" : "signed out"),
    (error) => show("failed: " + (error?.error ?? error?.message ?? error)),
  );
</script>
</html>`;

/** A site whose page signs in with keycloak-js; answers its address. */
export function site() {
  const files = {
    "/": ["text/html", PAGE],
    "/keycloak.js": ["text/javascript", KEYCLOAK_JS],
    "/silent.html": ["text/html", "<!doctype html><script>parent.postMessage(location.href, location.origin)</script>"],
  };
  return serve(({ url }, answer) => {
    const [type, body] = files[url.split("?")[0]] ?? [];
    answer.writeHead(body ? 200 : 404, { "content-type": `${type ?? "text/plain"};charset=utf-8` }).end(body);
  });
}
