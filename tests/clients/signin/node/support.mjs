// The server under test, a realm for each file, and a browser without a window.
//
// KEYCLOAK_URL says where the server is, KEYCLOAK_ADMIN and KEYCLOAK_PASSWORD who administers it.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { pathToFileURL } from "node:url";

/** Imports a package of NODE_PATH, which an import by name does not look at. */
export const load = (name) => import(pathToFileURL(createRequire(import.meta.url).resolve(name)));

export const URL_ = process.env.KEYCLOAK_URL.replace(/\/+$/, "");
export const PASSWORD = "secret-1";
export const SECRET = "the-secret-of-a-client-of-these-tests";
const username = process.env.KEYCLOAK_ADMIN ?? "admin";
const password = process.env.KEYCLOAK_PASSWORD ?? "admin";

let token;
let until = 0;

/** One call of the admin API; `path` is below `/admin/realms`. Answers the body, or the id of what was made. */
export async function admin(method, path, body) {
  if (Date.now() > until) {
    const form = { grant_type: "password", client_id: "admin-cli", username, password };
    const answer = await fetch(`${URL_}/realms/master/protocol/openid-connect/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    token = (await answer.json()).access_token;
    // Tokens of master live a minute.
    until = Date.now() + 30_000;
  }
  const answer = await fetch(`${URL_}/admin/realms${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : answer.headers.get("location")?.split("/").pop();
}

/** A realm, and how things are made in it. */
export class Realm {
  constructor(prefix) {
    this.name = `${prefix}-${randomUUID().slice(0, 8)}`;
    this.issuer = `${URL_}/realms/${this.name}`;
  }

  admin(method, path, body) {
    return admin(method, `/${this.name}${path}`, body);
  }

  create(fields = {}) {
    return admin("POST", "", { realm: this.name, enabled: true, ...fields });
  }

  delete() {
    return this.admin("DELETE", "");
  }

  /** A user whose password is PASSWORD; answers the id. */
  person(name, fields = {}) {
    return this.admin("POST", "/users", {
      username: name,
      enabled: true,
      emailVerified: true,
      firstName: "Test",
      lastName: "Person",
      email: `${name}@example.org`,
      credentials: [{ type: "password", value: PASSWORD, temporary: false }],
      ...fields,
    });
  }

  /** A client with the secret SECRET, or a public one; answers the id. */
  client(clientId, fields = {}) {
    const secret = fields.publicClient ? {} : { secret: SECRET };
    return this.admin("POST", "/clients", { clientId, enabled: true, ...secret, ...fields });
  }

  /** Adds a signing key. */
  async key(name, providerId, config = {}) {
    const { id } = await this.admin("GET", "");
    return this.admin("POST", "/components", {
      name,
      providerId,
      providerType: "org.keycloak.keys.KeyProvider",
      parentId: id,
      config,
    });
  }

  async sessions(user) {
    return this.admin("GET", `/users/${user}/sessions`);
  }
}

/** A fresh realm for the tests of a file. */
export function realmOfThisFile(prefix, fields, fill = async () => {}) {
  const realm = new Realm(prefix);
  before(async () => {
    await realm.create(fields);
    await fill(realm);
  });
  after(() => realm.delete());
  return realm;
}

/** A server on a free port of this machine; answers its address. */
export async function serve(handler) {
  const server = createServer(handler);
  await new Promise((done) => server.listen(0, "localhost", done));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${server.address().port}`;
}

/** A port that nobody listens at. */
export async function freePort() {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** What a token says. */
export const claims = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[1], "base64url"));

/** What stands at the head of a token. */
export const header = (jwt) => JSON.parse(Buffer.from(jwt.split(".")[0], "base64url"));

/** A key pair for private_key_jwt: for WebCrypto, and the set that the server gets. */
export async function keyPair() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = publicKey.export({ format: "jwk" });
  const kid = createHash("sha256").update(jwk.n).digest("hex").slice(0, 16);
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const der = privateKey.export({ format: "der", type: "pkcs8" });
  const key = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  return { key, kid, jwks: JSON.stringify({ keys: [{ ...jwk, kid, use: "sig", alg: "RS256" }] }) };
}

/** A browser without a window: cookies, redirects and forms. */
export class Browser {
  #jar = new Map();

  /** The cookies that it would send to an address, as Chromium does: by host, whatever the port. */
  #cookies({ hostname, pathname }) {
    const fits = (path) => pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`);
    return [...this.#jar.values()]
      .filter((one) => one.hostname === hostname && fits(one.path))
      .map(({ name, value }) => `${name}=${value}`)
      .join("; ");
  }

  #keep({ hostname }, lines) {
    for (const line of lines) {
      const [pair, ...rest] = line.split(";").map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf("="));
      const value = pair.slice(pair.indexOf("=") + 1);
      const attribute = (wanted) =>
        rest.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
      const path = attribute("path") ?? "/";
      const key = `${hostname} ${path} ${name}`;
      const gone = attribute("max-age") === "0" || new Date(attribute("expires") ?? "9999") < new Date();
      if (gone) this.#jar.delete(key);
      else this.#jar.set(key, { hostname, path, name, value });
    }
  }

  /** The value of a cookie by its name. */
  cookie(name) {
    return [...this.#jar.values()].find((one) => one.name === name)?.value;
  }

  /**
   * Opens an address and follows where it leads, but for one that starts with `stop`: that is where an
   * application waits that is not there. Answers `{ url, status, text }`.
   */
  async open(url, { stop, ...request } = {}) {
    let at = new URL(url);
    for (let hops = 0; hops < 20; hops++) {
      if (stop && at.href.startsWith(stop)) return { url: at, text: "" };
      const answer = await fetch(at, {
        ...request,
        headers: { accept: "text/html,*/*;q=0.8", cookie: this.#cookies(at) },
        redirect: "manual",
      });
      this.#keep(at, answer.headers.getSetCookie());
      const to = answer.headers.get("location");
      const text = await answer.text();
      if (!to) return { url: at, status: answer.status, headers: answer.headers, text };
      at = new URL(to, at);
      request = {};
    }
    throw new Error(`${url} leads round and round`);
  }

  /** Sends the form of a page, filled in; the button is pressed that has this name. */
  submit(page, values = {}, { button, ...options } = {}) {
    const { action, fields, buttons } = form(page);
    const pressed = buttons.filter(({ name }) => name && name === button);
    const all = new URLSearchParams();
    for (const { name, value } of [...fields, ...pressed]) if (!(name in values)) all.append(name, value);
    for (const [name, value] of Object.entries(values)) all.append(name, value);
    return this.open(new URL(action, page.url), { method: "POST", body: all, ...options });
  }

  /** Opens the login page of an address and logs in there. */
  async login(url, stop, name, secret = PASSWORD) {
    const page = await this.open(url, { stop });
    assert.equal(page.status, 200, `${page.url}\n${page.text}`);
    return this.submit(page, { username: name, password: secret }, { stop });
  }
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"' };

/** Undoes the escapes of HTML. */
const unescape = (text) =>
  text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
    name ? (ENTITIES[name] ?? all) : String.fromCodePoint(hex ? parseInt(hex, 16) : decimal),
  );

function attributes(tag) {
  const found = tag.matchAll(/([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g);
  return Object.fromEntries([...found].map(([, name, one, other]) => [name.toLowerCase(), unescape(one ?? other)]));
}

/** The first form of a page that is sent by POST. */
export function form({ text, url }) {
  for (const [, tag, inside] of text.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)) {
    const { action, method } = attributes(tag);
    if (method?.toLowerCase() !== "post") continue;
    const inputs = [...inside.matchAll(/<(input|button)\b([^>]*)>/gi)].map(([, kind, rest]) => ({
      kind,
      checked: /\schecked\b/.test(rest),
      value: "",
      ...attributes(rest),
    }));
    const isButton = ({ kind, type }) => kind.toLowerCase() === "button" || type === "submit";
    const sent = ({ name, type, checked }) => name && (type !== "checkbox" || checked);
    return {
      action: action ?? url.href,
      fields: inputs.filter((one) => !isButton(one) && sent(one)),
      buttons: inputs.filter(isButton),
    };
  }
  throw new Error(`no form at ${url}:\n${text}`);
}
