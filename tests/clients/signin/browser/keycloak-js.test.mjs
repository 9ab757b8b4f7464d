// keycloak-js signs people in, in Chromium.

import assert from "node:assert/strict";
import test from "node:test";
import { PASSWORD, URL_, realmOfThisFile } from "../node/support.mjs";
import { browserOfThisFile, site } from "./chromium.mjs";

const app = await site();
const chromium = await browserOfThisFile();
const realm = realmOfThisFile("keycloak-js", { rememberMe: true }, async () => {
  await realm.client("web", {
    publicClient: true,
    redirectUris: [`${app}/*`],
    webOrigins: ["+"],
    attributes: { "post.logout.redirect.uris": "+", "pkce.code.challenge.method": "S256" },
  });
});

/** The application's address with what keycloak-js is told. */
function address(options) {
  const server = { url: URL_, realm: realm.name, clientId: "web" };
  const all = { server, pkceMethod: "S256", checkLoginIframe: false, ...options };
  return `${app}/?options=${encodeURIComponent(JSON.stringify(all))}`;
}

/** A person of their own for each test, in a browser profile of their own. */
async function person(t, name) {
  const id = await realm.person(name);
  const profile = await chromium.newContext({ locale: "en" });
  t.after(() => profile.close());
  profile.setDefaultTimeout(30_000);
  return { id, profile, tab: await profile.newPage() };
}

const NAME = 'input[name="username"]';
const WORD = 'input[name="password"]';

async function logIn(tab, name, password = PASSWORD) {
  await tab.locator(NAME).fill(name);
  await tab.locator(WORD).fill(password);
  await tab.locator('[name="login"]').click();
}

/** Waits until the application shows this. */
const shows = (tab, state) => tab.locator(`#state:text-is("${state}")`).waitFor();

/** Opens the application in a state where somebody is logged in. */
async function enter(tab, name, options = {}) {
  await tab.goto(address({ onLoad: "login-required", ...options }));
  await logIn(tab, name);
  await shows(tab, "signed in");
}

test("a person signs in, after a wrong password too", async (t) => {
  const { id, tab } = await person(t, "ada");
  await tab.goto(address({ onLoad: "login-required" }));
  assert.match(tab.url(), /code_challenge_method=S256/);
  await logIn(tab, "ada", "wrong");
  await tab.getByText("Invalid username or password.").waitFor();
  assert.equal(await tab.locator(NAME).inputValue(), "ada");
  await logIn(tab, "ada");
  await shows(tab, "signed in");
  assert.equal(await tab.evaluate(() => location.hash), "");
  const said = await tab.evaluate(() => [kc.tokenParsed, kc.idTokenParsed, kc.subject, kc.hasRealmRole("offline_access")]);
  const [access, identity, subject, role] = said;
  assert.deepEqual([access.sub, identity.sub, subject], [id, id, id]);
  assert.deepEqual([access.preferred_username, access.azp, identity.aud], ["ada", "web", "web"]);
  assert.ok(role && identity.nonce && access.auth_time);
  assert.deepEqual(access["allowed-origins"], [app]);
});

test("a token is refreshed and tells about the person", async (t) => {
  const { id, tab } = await person(t, "bea");
  await enter(tab, "bea");
  const [before, refreshed, later, after] = await tab.evaluate(async () => {
    const before = kc.token;
    return [before, await kc.updateToken(-1), await kc.updateToken(30), kc.token];
  });
  assert.notEqual(before, after);
  assert.deepEqual([refreshed, later], [true, false]);
  const [info, profile] = await tab.evaluate(async () => [await kc.loadUserInfo(), await kc.loadUserProfile()]);
  assert.deepEqual([info.sub, info.email, info.name], [id, "bea@example.org", "Test Person"]);
  assert.deepEqual([profile.username, profile.firstName, profile.email], ["bea", "Test", "bea@example.org"]);
  assert.ok((await tab.evaluate(() => events)).some(([name]) => name === "onAuthRefreshSuccess"));
});

test("a refresh after the session's end signs out", async (t) => {
  const { id, tab } = await person(t, "cleo");
  await enter(tab, "cleo");
  // One that requires a login would go there by itself.
  await tab.goto(address({ onLoad: "check-sso" }));
  await shows(tab, "signed in");
  await realm.admin("POST", `/users/${id}/logout`);
  assert.equal(await tab.evaluate(() => kc.updateToken(-1).then(() => "refreshed", () => "refused")), "refused");
  assert.equal(await tab.evaluate(() => kc.authenticated), false);
  assert.ok((await tab.evaluate(() => events)).some(([name]) => name === "onAuthLogout"));
});

const SILENT = {
  "in an iframe of the application": () => ({ silentCheckSsoRedirectUri: `${app}/silent.html` }),
  "in an iframe, with the login status watched": () => ({
    silentCheckSsoRedirectUri: `${app}/silent.html`,
    checkLoginIframe: true,
  }),
  "by a redirect": () => ({}),
};

for (const [how, options] of Object.entries(SILENT))
  test(`who is signed in is found out ${how}`, async (t) => {
    const name = `dora${Object.keys(SILENT).indexOf(how)}`;
    const { profile, tab } = await person(t, name);
    const silent = address({ onLoad: "check-sso", ...options() });
    await tab.goto(silent);
    await shows(tab, "signed out");
    await enter(tab, name);
    const other = await profile.newPage();
    await other.goto(silent);
    await shows(other, "signed in");
    assert.equal(await other.evaluate(() => kc.tokenParsed.preferred_username), name);
  });

test("a logout in one tab is noticed in the other", async (t) => {
  const { id, profile, tab } = await person(t, "eve");
  const watched = { checkLoginIframe: true, checkLoginIframeInterval: 1 };
  await enter(tab, "eve", watched);
  const other = await profile.newPage();
  const silent = { onLoad: "check-sso", silentCheckSsoRedirectUri: `${app}/silent.html` };
  await other.goto(address({ ...silent, ...watched }));
  await shows(other, "signed in");
  const before = await other.evaluate(() => events);
  assert.ok(!before.some(([name]) => name === "onAuthLogout"));
  await tab.evaluate((to) => void kc.logout({ redirectUri: to }), address(silent));
  await shows(tab, "signed out");
  await other.waitForFunction(() => events.some(([name]) => name === "onAuthLogout"));
  assert.equal(await other.evaluate(() => kc.authenticated), false);
  assert.deepEqual(await realm.sessions(id), []);
});

test("the browser remembers who asked for it", async (t) => {
  const { profile, tab } = await person(t, "finn");
  await tab.goto(address({ onLoad: "login-required" }));
  await tab.locator('input[name="rememberMe"]').check();
  await logIn(tab, "finn");
  await shows(tab, "signed in");
  const cookies = await profile.cookies(URL_ + `/realms/${realm.name}/`);
  const identity = cookies.find(({ name }) => name === "KEYCLOAK_IDENTITY");
  assert.ok(identity.expires > Date.now() / 1000 + 3600 && identity.httpOnly && identity.secure);

  // The browser was closed and opened again: what has no date is gone.
  const later = await chromium.newContext();
  t.after(() => later.close());
  await later.addCookies(cookies.filter(({ expires }) => expires > 0));
  const again = await later.newPage();
  await again.goto(address({ onLoad: "login-required" }));
  await shows(again, "signed in");

  // The session has ended meanwhile: the name is still known.
  await later.clearCookies({ name: "KEYCLOAK_IDENTITY" });
  await again.goto(address({ onLoad: "login-required" }));
  assert.equal(await again.locator(NAME).inputValue(), "finn");
  assert.ok(await again.locator('input[name="rememberMe"]').isChecked());
});

test("a browser that was not asked to remember forgets", async (t) => {
  const { profile, tab } = await person(t, "gil");
  await enter(tab, "gil");
  const cookies = await profile.cookies(URL_ + `/realms/${realm.name}/`);
  const kept = cookies.filter(({ expires }) => expires > 0).map(({ name }) => name);
  assert.ok(!kept.includes("KEYCLOAK_IDENTITY") && !kept.includes("KEYCLOAK_REMEMBER_ME"), `${kept}`);
});

test("two tabs that ask for the password both get in", async (t) => {
  const { profile, tab } = await person(t, "hal");
  const other = await profile.newPage();
  for (const one of [tab, other]) {
    await one.goto(address({ onLoad: "login-required" }));
    await one.locator(NAME).waitFor();
  }
  await logIn(other, "hal");
  await shows(other, "signed in");
  // Some login pages see by themselves that they are no longer needed, and go.
  tab.setDefaultTimeout(2_000);
  await logIn(tab, "hal").catch(() => {});
  tab.setDefaultTimeout(30_000);
  await shows(tab, "signed in");
  const sids = [];
  for (const one of [tab, other]) sids.push(await one.evaluate(() => kc.tokenParsed.sid));
  assert.equal(sids[0], sids[1]);
});

test("an application sends a person to a new password", async (t) => {
  const { tab, profile } = await person(t, "ida");
  await enter(tab, "ida");
  const change = () => tab.evaluate(() => void kc.login({ action: "UPDATE_PASSWORD" }));
  await change();
  await tab.locator('[name="cancel-aia"]').click();
  await shows(tab, "signed in");
  const said = () => tab.evaluate(() => events.filter(([name]) => name === "onActionUpdate"));
  assert.deepEqual(await said(), [["onActionUpdate", "cancelled", "UPDATE_PASSWORD"]]);

  await change();
  await tab.locator('input[name="password-new"]').fill("secret-2");
  await tab.locator('input[name="password-confirm"]').fill("secret-3");
  await tab.locator('form [type="submit"]:not([name="cancel-aia"])').first().click();
  await tab.getByText("Passwords don't match.").waitFor();
  await tab.locator('input[name="password-new"]').fill("secret-2");
  await tab.locator('input[name="password-confirm"]').fill("secret-2");
  await tab.locator('form [type="submit"]:not([name="cancel-aia"])').first().click();
  await shows(tab, "signed in");
  assert.deepEqual(await said(), [["onActionUpdate", "success", "UPDATE_PASSWORD"]]);

  await profile.clearCookies();
  await tab.goto(address({ onLoad: "login-required" }));
  await logIn(tab, "ida");
  await tab.getByText("Invalid username or password.").waitFor();
  await logIn(tab, "ida", "secret-2");
  await shows(tab, "signed in");
});

test("a person who has to change the password does so on the way in", async (t) => {
  const profile = await chromium.newContext();
  t.after(() => profile.close());
  await realm.person("joy", { credentials: [{ type: "password", value: PASSWORD, temporary: true }] });
  const tab = await profile.newPage();
  await tab.goto(address({ onLoad: "login-required" }));
  await logIn(tab, "joy");
  await tab.locator('input[name="password-new"]').fill("secret-2");
  await tab.locator('input[name="password-confirm"]').fill("secret-2");
  await tab.locator('form [type="submit"]').first().click();
  await shows(tab, "signed in");
});
