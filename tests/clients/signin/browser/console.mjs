// Keycloak's admin console before a server that has none: its files are answered here, all else by the server.

import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { join, normalize } from "node:path";
import { URL_, serve } from "../node/support.mjs";

const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml", woff2: "font/woff2", json: "application/json" };

/** The texts of a .properties file, as the console fetches them. */
function texts(file) {
  const lines = readFileSync(file, "utf8").replace(/\\\r?\n\s*/g, "").split(/\r?\n/);
  const pairs = lines.map((line) => /^\s*([^#!\s=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line)).filter(Boolean);
  return pairs.map(([, key, value]) => ({ key, value }));
}

/** The page that loads the console, as its template says. */
function page(at, folder) {
  const manifest = JSON.parse(readFileSync(join(folder, "keycloak.v2/admin/resources/.vite/manifest.json"), "utf8"));
  const entry = Object.values(manifest).find(({ isEntry }) => isEntry);
  const vendor = "/resources/common/vendor";
  const imports = {
    react: `${vendor}/react/react.production.min.js`,
    "react/jsx-runtime": `${vendor}/react/react-jsx-runtime.production.min.js`,
    "react-dom": `${vendor}/react-dom/react-dom.production.min.js`,
  };
  const environment = {
    serverBaseUrl: at,
    adminBaseUrl: at,
    authUrl: at,
    authServerUrl: at,
    realm: "master",
    clientId: "security-admin-console",
    resourceUrl: "/resources/admin",
    logo: "",
    logoUrl: "",
    darkMode: true,
    consoleBaseUrl: "/admin/master/console/",
    masterRealm: "master",
    resourceVersion: "1",
  };
  const styles = entry.css.map((file) => `<link rel="stylesheet" href="/resources/admin/${file}">`);
  return `<!doctype html><html lang="en"><head><title>Console</title>${styles.join("")}
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/resources/admin/${entry.file}"></script></head>
<body><div id="app"></div><script id="environment" type="application/json">${JSON.stringify(environment)}</script></body></html>`;
}

/** Serves the console with the files of a folder; answers its address. */
export async function consoleBefore(folder) {
  const at = await serve((asked, answer) => {
    const path = normalize(decodeURIComponent(asked.url.split("?")[0]));
    const send = (type, body) => answer.writeHead(200, { "content-type": type }).end(body);
    if (path === "/admin/master/console/") return send("text/html", page(at, folder));
    if (/^\/resources\/[^/]+\/admin\/en$/.test(path))
      return send("application/json", JSON.stringify(texts(join(folder, "keycloak.v2/admin/messages/messages_en.properties"))));
    const file = path.replace(/^\/resources\/admin\//, "keycloak.v2/admin/resources/").replace(/^\/resources\/common\//, "keycloak/common/resources/");
    if (path.startsWith("/resources/"))
      return existsSync(join(folder, file)) ? send(TYPES[file.split(".").pop()], readFileSync(join(folder, file))) : answer.writeHead(404).end();
    const passed = request(new URL(asked.url, URL_), { method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    asked.pipe(passed);
  });
  return at;
}
