// openid-client signs people in, and the applications themselves.

import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout } from "node:timers/promises";
import { Browser, PASSWORD, SECRET, claims, header, keyPair, load, realmOfThisFile } from "./support.mjs";

const oidc = await load("openid-client");
const APP = "http://localhost:9/app";
const CALLBACK = `${APP}/callback`;
const keys = await keyPair();
let user;

const realm = realmOfThisFile("openid-client", {}, async () => {
  user = await realm.person("ada");
  await realm.key("ec", "ecdsa-generated", { ecdsaEllipticCurveKey: ["P-256"] });
  const common = {
    redirectUris: [`${APP}/*`],
    serviceAccountsEnabled: true,
    attributes: { "post.logout.redirect.uris": "+" },
    protocolMappers: [
      {
        name: "itself",
        protocol: "openid-connect",
        protocolMapper: "oidc-audience-mapper",
        config: { "included.client.audience": "web", "access.token.claim": "true" },
      },
    ],
  };
  const more = (attributes) => ({ ...common.attributes, ...attributes });
  await realm.client("web", common);
  await realm.client("public", { ...common, publicClient: true, serviceAccountsEnabled: false });
  await realm.client("by-key", {
    ...common,
    clientAuthenticatorType: "client-jwt",
    attributes: more({ "use.jwks.string": "true", "jwks.string": keys.jwks }),
  });
  await realm.client("by-hmac", { ...common, clientAuthenticatorType: "client-secret-jwt" });
  await realm.client("curve", {
    ...common,
    attributes: more({ "id.token.signed.response.alg": "ES256", "access.token.signed.response.alg": "ES256" }),
  });
  await realm.client("par-only", {
    ...common,
    attributes: more({ "require.pushed.authorization.requests": "true" }),
  });
  await realm.client("tv", {
    publicClient: true,
    attributes: { "oauth2.device.authorization.grant.enabled": "true", "oauth2.device.polling.interval": "1" },
  });
});

/** A client as an application sets it up. */
async function application(id, authentication = oidc.ClientSecretPost(SECRET)) {
  const config = await oidc.discovery(new URL(realm.issuer), id, undefined, authentication, {
    execute: [oidc.allowInsecureRequests],
  });
  // Signatures of ID tokens are looked at even though they come straight from the server.
  oidc.enableNonRepudiationChecks(config);
  return config;
}

/** Sends a person to log in; answers the tokens. */
async function signIn(config, { browser = new Browser(), silent, par, ...parameters } = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const build = par ? oidc.buildAuthorizationUrlWithPAR : oidc.buildAuthorizationUrl;
  const to = await build(config, {
    redirect_uri: CALLBACK,
    scope: "openid email profile",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...parameters,
  });
  const back = silent ? await browser.open(to, { stop: APP }) : await browser.login(to, APP, "ada");
  assert.ok(back.url.href.startsWith(CALLBACK), `${back.url}\n${back.text}`);
  return oidc.authorizationCodeGrant(config, back.url, checks);
}

test("what discovery says fits what the library checks", async () => {
  const config = await application("web");
  const server = config.serverMetadata();
  assert.equal(server.issuer, realm.issuer);
  assert.ok(server.supportsPKCE("S256"));
  for (const one of ["authorization", "token", "userinfo", "end_session", "introspection", "revocation"])
    assert.ok(server[`${one}_endpoint`].startsWith(`${realm.issuer}/protocol/openid-connect/`), one);
  assert.ok(server.pushed_authorization_request_endpoint && server.device_authorization_endpoint);
  assert.equal(server.authorization_response_iss_parameter_supported, true);
  for (const one of ["authorization_code", "refresh_token", "client_credentials"])
    assert.ok(server.grant_types_supported.includes(one), one);
});

test("a person signs in with PKCE, stays signed in and signs out", async () => {
  const config = await application("web");
  const browser = new Browser();
  const tokens = await signIn(config, { browser });
  const id = tokens.claims();
  assert.equal(id.sub, user);
  assert.equal(id.aud, "web");
  assert.equal(id.preferred_username, "ada");
  assert.equal(id.acr, "1");
  assert.ok(id.auth_time && id.at_hash && id.sid);
  assert.equal(tokens.token_type, "bearer");
  assert.equal(tokens.expiresIn() > 290, true);
  assert.deepEqual(new Set(tokens.scope.split(" ")), new Set(["openid", "email", "profile"]));
  assert.equal(header(tokens.id_token).alg, "RS256");

  const info = await oidc.fetchUserInfo(config, tokens.access_token, id.sub);
  assert.equal(info.email, "ada@example.org");
  assert.equal(info.name, "Test Person");

  const active = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual([active.active, active.username, active.client_id], [true, "ada", "web"]);
  assert.equal((await oidc.tokenIntrospection(config, "garbage")).active, false);

  const newer = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(newer.access_token, tokens.access_token);
  assert.equal(newer.claims().sid, id.sid);
  assert.equal(newer.claims().auth_time, id.auth_time);
  assert.equal(newer.claims().sub, user);

  // An application beside it needs no password.
  const other = await application("public", oidc.None());
  const beside = await signIn(other, { browser, silent: true, prompt: "none" });
  assert.equal(beside.claims().sid, id.sid);
  assert.equal((await realm.sessions(user)).length, 1);

  await oidc.tokenRevocation(config, newer.access_token);
  assert.equal((await oidc.tokenIntrospection(config, newer.access_token)).active, false);

  const out = oidc.buildEndSessionUrl(config, {
    id_token_hint: newer.id_token,
    post_logout_redirect_uri: `${APP}/bye`,
    state: "some",
  });
  const back = await browser.open(out, { stop: APP });
  assert.equal(back.url.href, `${APP}/bye?state=some`);
  assert.equal((await realm.sessions(user)).length, 0);
  await assert.rejects(oidc.refreshTokenGrant(config, newer.refresh_token), { error: "invalid_grant" });
  await assert.rejects(signIn(other, { browser, silent: true, prompt: "none" }), { error: "login_required" });
});

test("revoking a refresh token ends the session", async () => {
  const config = await application("web");
  const tokens = await signIn(config);
  await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: "refresh_token" });
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false);
});

test("the password page says no to a wrong password, and yes to the right one after it", async () => {
  const config = await application("web");
  const browser = new Browser();
  const to = oidc.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: "openid", state: "some" });
  const wrong = await browser.login(to, APP, "ada", "wrong");
  assert.equal(wrong.status, 200);
  assert.match(wrong.text, /Invalid username or password\./);
  const back = await browser.submit(wrong, { username: "ada", password: PASSWORD }, { stop: APP });
  const tokens = await oidc.authorizationCodeGrant(config, back.url, { expectedState: "some" });
  assert.equal(tokens.claims().sub, user);
});

test("a code is good once and only with its verifier", async () => {
  const config = await application("public", oidc.None());
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const to = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: "openid",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  });
  const { url } = await new Browser().login(to, APP, "ada");
  const tokens = await oidc.authorizationCodeGrant(config, url, { pkceCodeVerifier });
  await assert.rejects(oidc.authorizationCodeGrant(config, url, { pkceCodeVerifier }), { error: "invalid_grant" });
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });

  const { url: again } = await new Browser().login(to, APP, "ada");
  const other = { pkceCodeVerifier: oidc.randomPKCECodeVerifier() };
  await assert.rejects(oidc.authorizationCodeGrant(config, again, other), { error: "invalid_grant" });
});

test("an old login is asked for again by max_age and prompt=login", async () => {
  const config = await application("web");
  const browser = new Browser();
  const first = await signIn(config, { browser });
  // The age counts whole seconds.
  while (Math.floor(Date.now() / 1000) <= first.claims().auth_time) await setTimeout(100);
  for (const asked of [{ max_age: "0" }, { prompt: "login" }]) {
    const to = oidc.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: "openid", state: "s", ...asked });
    const page = await browser.open(to, { stop: APP });
    assert.equal(page.status, 200, JSON.stringify(asked));
    const back = await browser.submit(page, { username: "ada", password: PASSWORD }, { stop: APP });
    const tokens = await oidc.authorizationCodeGrant(config, back.url, { expectedState: "s" });
    assert.equal(tokens.claims().sid, first.claims().sid);
    assert.ok(tokens.claims().auth_time >= first.claims().auth_time);
  }
});

const ways = {
  client_secret_basic: ["web", () => oidc.ClientSecretBasic(SECRET)],
  client_secret_post: ["web", () => oidc.ClientSecretPost(SECRET)],
  client_secret_jwt: ["by-hmac", () => oidc.ClientSecretJwt(SECRET)],
  private_key_jwt: ["by-key", () => oidc.PrivateKeyJwt({ key: keys.key, kid: keys.kid })],
};

for (const [name, [id, way]] of Object.entries(ways))
  test(`an application is known by ${name}`, async () => {
    const config = await application(id, way());
    assert.ok(config.serverMetadata().token_endpoint_auth_methods_supported.includes(name));
    const own = await oidc.clientCredentialsGrant(config, { scope: "profile" });
    assert.equal(claims(own.access_token).preferred_username, `service-account-${id}`);
    assert.equal(own.refresh_token, undefined);
    assert.equal((await signIn(config)).claims().sub, user);
  });

test("an application with another secret is not known", async () => {
  for (const way of [oidc.ClientSecretBasic("other"), oidc.ClientSecretPost("other")])
    await assert.rejects(oidc.clientCredentialsGrant(await application("web", way)), { status: 401 });
  for (const [id, way] of [
    ["by-hmac", oidc.ClientSecretJwt("other-secret-of-enough-bytes-for-it")],
    ["by-key", oidc.PrivateKeyJwt({ key: (await keyPair()).key, kid: keys.kid })],
  ])
    await assert.rejects(oidc.clientCredentialsGrant(await application(id, way)), ({ status }) => status >= 400 && status < 500);
});

test("a pushed request signs in, and one that needs no pushing is refused where pushing is required", async () => {
  assert.equal((await signIn(await application("web"), { par: true })).claims().sub, user);
  const config = await application("par-only");
  assert.equal((await signIn(config, { par: true })).claims().sub, user);
  const plain = oidc.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: "openid" });
  const back = await new Browser().open(plain, { stop: APP });
  const error = back.status === 400 || back.url.searchParams.get("error") === "invalid_request";
  assert.ok(error, `${back.url}\n${back.text}`);
});

test("tokens of a client that wants ES256 are signed by the curve", async () => {
  const tokens = await signIn(await application("curve"));
  assert.equal(header(tokens.id_token).alg, "ES256");
  assert.equal(header(tokens.access_token).alg, "ES256");
  assert.equal(tokens.claims().sub, user);
});

test("a device signs in by the code that a person types elsewhere", async () => {
  const config = await application("tv", oidc.None());
  const device = await oidc.initiateDeviceAuthorization(config, { scope: "openid profile" });
  assert.equal(device.verification_uri, `${realm.issuer}/device`);
  assert.equal(device.interval, 1);
  const tokens = oidc.pollDeviceAuthorizationGrant(config, device);
  const browser = new Browser();
  let page = await browser.open(device.verification_uri);
  page = await browser.submit(page, { device_user_code: device.user_code });
  page = await browser.submit(page, { username: "ada", password: PASSWORD });
  page = await browser.submit(page, {}, { button: "accept" });
  assert.equal(page.status, 200);
  assert.match(page.text, /Device Login Successful/);
  assert.equal((await tokens).claims().sub, user);
});

test("a device learns that a person said no", async () => {
  const config = await application("tv", oidc.None());
  const device = await oidc.initiateDeviceAuthorization(config, { scope: "openid" });
  const browser = new Browser();
  const page = await browser.login(device.verification_uri_complete, undefined, "ada");
  await browser.submit(page, {}, { button: "cancel" });
  await assert.rejects(oidc.pollDeviceAuthorizationGrant(config, device), { error: "access_denied" });
});

test("offline access outlives the session", async () => {
  const config = await application("web");
  const browser = new Browser();
  const tokens = await signIn(config, { browser, scope: "openid offline_access" });
  assert.equal(claims(tokens.refresh_token).typ, "Offline");
  const hint = { id_token_hint: tokens.id_token, post_logout_redirect_uri: `${APP}/bye` };
  await browser.open(oidc.buildEndSessionUrl(config, hint), { stop: APP });
  assert.equal((await oidc.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, user);
});
