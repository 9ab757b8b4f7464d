// oauth2-proxy before a page that knows nothing of logins. OAUTH2_PROXY says where the program is.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test, { after } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Browser, PASSWORD, SECRET, claims, freePort, realmOfThisFile, serve } from "./support.mjs";

const page = await serve(({ headers, url }, answer) =>
  answer.setHeader("content-type", "application/json").end(JSON.stringify({ url, headers })),
);

let ada;
const realm = realmOfThisFile("oauth2-proxy", {}, async () => {
  ada = await realm.person("ada");
  await realm.person("bob");
  const mapper = (protocolMapper, config) => ({
    name: protocolMapper,
    protocol: "openid-connect",
    protocolMapper,
    config: { "access.token.claim": "true", "id.token.claim": "true", ...config },
  });
  await realm.client("proxy", {
    // Any port of this machine.
    redirectUris: ["http://localhost/oauth2/callback"],
    protocolMappers: [
      mapper("oidc-audience-mapper", { "included.client.audience": "proxy" }),
      mapper("oidc-group-membership-mapper", { "claim.name": "groups", "full.path": "true" }),
    ],
  });
  await realm.admin("POST", "/roles", { name: "reader" });
  const role = await realm.admin("GET", "/roles/reader");
  await realm.admin("POST", `/users/${ada}/role-mappings/realm`, [role]);
  const group = await realm.admin("POST", "/groups", { name: "staff" });
  await realm.admin("PUT", `/users/${ada}/groups/${group}`);
});

/** Starts a proxy; answers its address. */
async function proxy(options) {
  const port = await freePort();
  const at = `http://localhost:${port}`;
  const all = {
    "http-address": `127.0.0.1:${port}`,
    upstream: page,
    "oidc-issuer-url": realm.issuer,
    "client-id": "proxy",
    "client-secret": SECRET,
    "redirect-url": `${at}/oauth2/callback`,
    "code-challenge-method": "S256",
    "cookie-secret": "0123456789abcdef0123456789abcdef",
    "cookie-secure": "false",
    "email-domain": "*",
    "pass-access-token": "true",
    "skip-provider-button": "true",
    ...options,
  };
  const args = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.env.OAUTH2_PROXY, args, { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const out of [child.stdout, child.stderr]) out.on("data", (text) => (log += text));
  after(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
  });
  for (const until = Date.now() + 20_000; ; await setTimeout(50)) {
    const ready = await fetch(`${at}/ready`).then(({ ok }) => ok, () => false);
    if (ready) return at;
    assert.ok(child.exitCode === null && Date.now() < until, log);
  }
}

const seen = ({ status, text }) => {
  assert.equal(status, 200, text);
  return JSON.parse(text);
};

for (const [provider, more] of [
  ["oidc", { "oidc-groups-claim": "groups", "allowed-group": "/staff", scope: "openid email profile" }],
  ["keycloak-oidc", { "allowed-role": "reader" }],
]) {
  test(`a page behind the provider ${provider} is seen by who may see it`, async () => {
    const at = await proxy({ provider, ...more });
    const browser = new Browser();
    const login = await browser.open(`${at}/some/page?x=1`);
    assert.ok(login.url.href.startsWith(`${realm.issuer}/protocol/openid-connect/auth?`), `${login.url}`);
    const wrong = await browser.submit(login, { username: "ada", password: "wrong" });
    assert.match(wrong.text, /Invalid username or password\./);
    const { url, headers } = seen(await browser.submit(wrong, { username: "ada", password: PASSWORD }));
    assert.equal(url, "/some/page?x=1");
    assert.equal(headers["x-forwarded-user"], ada);
    assert.equal(headers["x-forwarded-email"], "ada@example.org");
    assert.equal(headers["x-forwarded-preferred-username"], "ada");
    assert.equal(claims(headers["x-forwarded-access-token"]).azp, "proxy");
    const groups = headers["x-forwarded-groups"].split(",");
    for (const one of provider === "oidc" ? ["/staff"] : ["/staff", "role:reader", "role:account:view-profile"])
      assert.ok(groups.includes(one), `${groups}`);
    assert.equal(seen(await browser.open(`${at}/other`)).url, "/other");

    const refused = await new Browser().login(`${at}/some/page`, undefined, "bob");
    assert.equal(refused.status, 403);
  });
}

test("the proxy refreshes its session and signs out at the server too", async () => {
  const out = `${realm.issuer}/protocol/openid-connect/logout?id_token_hint={id_token}`;
  const at = await proxy({ provider: "oidc", "cookie-refresh": "1s", "backend-logout-url": out });
  const browser = new Browser();
  const token = ({ headers }) => claims(headers["x-forwarded-access-token"]);
  const first = token(seen(await browser.login(at, undefined, "ada")));
  let later;
  for (const until = Date.now() + 10_000; Date.now() < until; await setTimeout(200)) {
    later = token(seen(await browser.open(at)));
    if (later.jti !== first.jti) break;
  }
  assert.notEqual(later.jti, first.jti);
  assert.deepEqual([later.sid, later.auth_time], [first.sid, first.auth_time]);

  const known = (sessions) => sessions.some(({ id }) => id === first.sid);
  assert.ok(known(await realm.sessions(ada)));
  const asked = await browser.open(`${at}/oauth2/sign_out?rd=%2Fbye`);
  assert.ok(asked.url.href.startsWith(realm.issuer), "the way back leads to the login page");
  assert.ok(!known(await realm.sessions(ada)));
});

test("a session that an administrator ended is not refreshed", async () => {
  const at = await proxy({ provider: "oidc", "cookie-refresh": "1s" });
  const browser = new Browser();
  seen(await browser.login(at, undefined, "ada"));
  await realm.admin("POST", `/users/${ada}/logout`);
  for (const until = Date.now() + 10_000; ; await setTimeout(200)) {
    const { url } = await browser.open(at);
    if (url.href.startsWith(realm.issuer)) break;
    assert.ok(Date.now() < until, "the proxy still lets in");
  }
});
