// oauth4webapi, which looks at each answer in itself: content types, signatures, errors, challenges.

import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout } from "node:timers/promises";
import { Browser, PASSWORD, SECRET, keyPair, load, realmOfThisFile } from "./support.mjs";

const oauth = await load("oauth4webapi");
const APP = "http://localhost:9/app";
const CALLBACK = `${APP}/callback`;
const plain = { [oauth.allowInsecureRequests]: true };
const keys = await keyPair();
let server;
let user;

const realm = realmOfThisFile("oauth4webapi", {}, async (realm) => {
  user = await realm.person("ada");
  const common = { redirectUris: [CALLBACK], serviceAccountsEnabled: true };
  await realm.client("web", common);
  await realm.client("public", { redirectUris: [CALLBACK], publicClient: true, consentRequired: true });
  await realm.client("by-hmac", { ...common, clientAuthenticatorType: "client-secret-jwt" });
  const attributes = { "use.jwks.string": "true", "jwks.string": keys.jwks };
  await realm.client("by-key", { ...common, clientAuthenticatorType: "client-jwt", attributes });
  await realm.client("tv", {
    publicClient: true,
    attributes: { "oauth2.device.authorization.grant.enabled": "true", "oauth2.device.polling.interval": "1" },
  });
  const issuer = new URL(realm.issuer);
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, plain));
});

const ways = {
  web: oauth.ClientSecretBasic(SECRET),
  public: oauth.None(),
  tv: oauth.None(),
  "by-hmac": oauth.ClientSecretJwt(SECRET),
  "by-key": oauth.PrivateKeyJwt({ key: keys.key, kid: keys.kid }),
};

/** A new request to log in, and what checks its answer. */
async function request(id, more = {}) {
  const [verifier, state, nonce] = [
    oauth.generateRandomCodeVerifier(),
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
  ];
  const parameters = new URLSearchParams({
    client_id: id,
    response_type: "code",
    redirect_uri: CALLBACK,
    scope: "openid profile",
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...more,
  });
  return { client: { client_id: id }, way: ways[id], verifier, state, nonce, parameters };
}

const at = (parameters) => `${server.authorization_endpoint}?${parameters}`;

/** Redeems the code that an answer carries. */
async function redeem({ client, way, verifier, state, nonce }, url) {
  const answer = oauth.validateAuthResponse(server, client, url, state);
  const response = await oauth.authorizationCodeGrantRequest(server, client, way, answer, CALLBACK, verifier, plain);
  const checks = { expectedNonce: nonce, requireIdToken: true };
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, checks);
  await oauth.validateApplicationLevelSignature(server, response, plain);
  return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

test("each step of a login is as the specification words it", async () => {
  const asked = await request("web");
  const { client, way } = asked;
  const browser = new Browser();
  const { url } = await browser.login(at(asked.parameters), APP, "ada");
  assert.equal(url.searchParams.get("iss"), realm.issuer);
  const tokens = await redeem(asked, url);
  assert.equal(tokens.claims.sub, user);

  const info = await oauth.userInfoRequest(server, client, tokens.access_token, plain);
  const said = await oauth.processUserInfoResponse(server, client, user, info);
  assert.equal(said.preferred_username, "ada");

  const refresh = await oauth.refreshTokenGrantRequest(server, client, way, tokens.refresh_token, plain);
  const newer = await oauth.processRefreshTokenResponse(server, client, refresh);
  await oauth.validateApplicationLevelSignature(server, refresh, plain);

  const hint = { ...plain, additionalParameters: { token_type_hint: "refresh_token" } };
  const about = await oauth.introspectionRequest(server, client, way, newer.refresh_token, hint);
  const active = await oauth.processIntrospectionResponse(server, client, about);
  assert.deepEqual([active.active, active.sub, active.client_id], [true, user, "web"]);

  const revoke = await oauth.revocationRequest(server, client, way, newer.refresh_token, plain);
  assert.equal(await oauth.processRevocationResponse(revoke), undefined);
  const late = await oauth.refreshTokenGrantRequest(server, client, way, newer.refresh_token, plain);
  await assert.rejects(oauth.processRefreshTokenResponse(server, client, late), { error: "invalid_grant", status: 400 });
  const gone = await oauth.userInfoRequest(server, client, newer.access_token, plain);
  await assert.rejects(oauth.processUserInfoResponse(server, client, user, gone), (error) => {
    assert.equal(error.cause[0].scheme, "bearer");
    assert.equal(error.cause[0].parameters.error, "invalid_token");
    return true;
  });
});

test("the application hears what the person or the request does not allow", async () => {
  const silent = await request("web", { prompt: "none" });
  const { url } = await new Browser().open(at(silent.parameters), { stop: APP });
  const check = (url, { client, state }) => oauth.validateAuthResponse(server, client, url, state);
  assert.throws(() => check(url, silent), { error: "login_required" });

  const odd = await request("web", { scope: "openid no-such-scope" });
  const { url: refused } = await new Browser().open(at(odd.parameters), { stop: APP });
  assert.throws(() => check(refused, odd), { error: "invalid_scope" });

  const shy = await request("public");
  const browser = new Browser();
  const consent = await browser.login(at(shy.parameters), APP, "ada");
  const { url: denied } = await browser.submit(consent, {}, { button: "cancel", stop: APP });
  assert.throws(() => check(denied, shy), { error: "access_denied" });
});

test("consent once given is not asked for again", async () => {
  const first = await request("public");
  const consent = await new Browser().login(at(first.parameters), APP, "ada");
  assert.equal(consent.status, 200);
  const browser = new Browser();
  const page = await browser.login(at(first.parameters), APP, "ada");
  const { url } = await browser.submit(page, {}, { button: "accept", stop: APP });
  assert.equal((await redeem(first, url)).claims.sub, user);
  const second = await request("public");
  const { url: silent } = await browser.open(at(second.parameters), { stop: APP });
  assert.equal((await redeem(second, silent)).claims.sub, user);
});

for (const id of ["web", "by-hmac", "by-key"])
  test(`${id} gets a token of its own`, async () => {
    const client = { client_id: id };
    const response = await oauth.clientCredentialsGrantRequest(server, client, ways[id], { scope: "profile" }, plain);
    const tokens = await oauth.processClientCredentialsResponse(server, client, response);
    assert.equal(tokens.token_type, "bearer");
    const wrong = oauth.ClientSecretBasic("wrong");
    const other = await oauth.clientCredentialsGrantRequest(server, client, wrong, {}, plain);
    await assert.rejects(oauth.processClientCredentialsResponse(server, client, other), ({ status }) => status >= 400 && status < 500);
  });

test("a request is pushed and opened by its name", async () => {
  for (const id of ["web", "by-key"]) {
    const asked = await request(id);
    const { client, way, parameters } = asked;
    const response = await oauth.pushedAuthorizationRequest(server, client, way, parameters, plain);
    const pushed = await oauth.processPushedAuthorizationResponse(server, client, response);
    assert.equal(pushed.expires_in, 60);
    const named = new URLSearchParams({ client_id: id, request_uri: pushed.request_uri });
    const { url } = await new Browser().login(at(named), APP, "ada");
    assert.equal((await redeem(asked, url)).claims.sub, user);
  }
});

test("a device waits until its code was typed", async () => {
  const client = { client_id: "tv" };
  const started = await oauth.deviceAuthorizationRequest(server, client, ways.tv, { scope: "openid" }, plain);
  const device = await oauth.processDeviceAuthorizationResponse(server, client, started);
  const poll = () => oauth.deviceCodeGrantRequest(server, client, ways.tv, device.device_code, plain);
  const waiting = oauth.processDeviceCodeResponse(server, client, await poll());
  await assert.rejects(waiting, { error: "authorization_pending" });
  await assert.rejects(oauth.processDeviceCodeResponse(server, client, await poll()), { error: "slow_down" });

  const browser = new Browser();
  const page = await browser.login(device.verification_uri_complete, undefined, "ada", PASSWORD);
  await browser.submit(page, {}, { button: "accept" });
  for (const until = Date.now() + 10_000; ; ) {
    const response = await poll();
    const tokens = await oauth.processDeviceCodeResponse(server, client, response).catch(({ error }) => error);
    if (tokens === "slow_down" && Date.now() < until) {
      await setTimeout(200);
      continue;
    }
    assert.ok(tokens.access_token, `${tokens}`);
    await oauth.validateApplicationLevelSignature(server, response, plain);
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).sub, user);
    break;
  }
});
