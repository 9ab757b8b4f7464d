// Every page that people see, by keyboard alone, looked at by axe-core, light and dark, narrow and wide.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import { PASSWORD, realmOfThisFile } from "../node/support.mjs";
import { browserOfThisFile, site } from "./chromium.mjs";
import { Keyboard, look } from "./look.mjs";

const app = await site();
const chromium = await browserOfThisFile();
const DEVICE = { "oauth2.device.authorization.grant.enabled": "true" };
const realm = realmOfThisFile(
  "pages",
  {
    displayName: "Acme & Söhne",
    rememberMe: true,
    resetPasswordAllowed: true,
    internationalizationEnabled: true,
    supportedLocales: ["en", "de"],
    defaultLocale: "en",
  },
  async () => {
    const common = { publicClient: true, redirectUris: [`${app}/*`] };
    await realm.client("web", { ...common, name: "The shop", baseUrl: `${app}/` });
    await realm.client("shy", { ...common, name: "The shop that asks", consentRequired: true });
    const attributes = { "frontchannel.logout.url": `${app}/silent.html` };
    await realm.client("told", { ...common, name: "The shop that is told", frontchannelLogout: true, attributes });
    await realm.client("tv", { publicClient: true, name: "The television", attributes: DEVICE });
  },
);

const auth = (client = "web") =>
  `${realm.issuer}/protocol/openid-connect/auth?client_id=${client}&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(`${app}/silent.html`)}`;

/** A browser profile of its own, which speaks English. */
async function visitor(t) {
  const profile = await chromium.newContext({ locale: "en", viewport: { width: 1280, height: 800 } });
  t.after(() => profile.close());
  profile.setDefaultTimeout(30_000);
  const tab = await profile.newPage();
  return { profile, tab, keys: new Keyboard(tab) };
}

/** Opens the login page and fills it in. */
async function logIn(tab, keys, name, password = PASSWORD, at = auth()) {
  await tab.goto(at);
  await keys.type("#username", name);
  await keys.type("#password", password);
  await keys.enter();
}

/** The pages say which they are. */
async function isAt(tab, id) {
  assert.equal(await tab.evaluate(() => document.body.dataset.pageId), id, `${tab.url()}\n${await tab.locator("body").innerText()}`);
}

const arrived = (tab) => assert.ok(tab.url().startsWith(`${app}/silent.html?`), tab.url());

/** The one-time code of a secret for now, or so many periods later. */
function totp(secret, later = 0) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const number = mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

test("login, with a wrong password and the right one", async (t) => {
  await realm.person("ada");
  const { tab, keys } = await visitor(t);
  await tab.goto(auth());
  await isAt(tab, "login-login");
  assert.equal(await tab.evaluate(() => document.activeElement.id), "username");
  await look(tab, "login");
  await keys.type("#username", "ada");
  await keys.type("#password", "wrong");
  await keys.tick("#rememberMe");
  await keys.enter();
  await tab.getByText("Invalid username or password.").waitFor();
  await look(tab, "login-wrong");
  const field = tab.locator("#username");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  const said = await field.getAttribute("aria-describedby");
  assert.match(await tab.locator(`[id="${said}"]`).innerText(), /Invalid username or password\./);
  await keys.type("#password", PASSWORD);
  await keys.enter("#kc-login");
  arrived(tab);
});

test("login in another language", async (t) => {
  const { tab, keys } = await visitor(t);
  await tab.goto(auth());
  await keys.enter('#kc-locale a[lang="de"]');
  assert.equal(await tab.evaluate(() => document.documentElement.lang), "de");
  await keys.type("#username", "nobody");
  await keys.type("#password", "wrong");
  await keys.enter();
  await tab.getByText("Ungültiger Benutzername oder Passwort.").waitFor();
});

test("an error", async (t) => {
  const { tab } = await visitor(t);
  await tab.goto(auth().replace("redirect_uri", "redirect"));
  await isAt(tab, "login-error");
  await look(tab, "error");
});

test("logout, with the question before it", async (t) => {
  const id = await realm.person("ben");
  const { tab, keys } = await visitor(t);
  await logIn(tab, keys, "ben");
  await tab.goto(`${realm.issuer}/protocol/openid-connect/logout?client_id=web`);
  await isAt(tab, "login-logout-confirm");
  await look(tab, "logout-confirm");
  assert.equal((await realm.sessions(id)).length, 1);
  await keys.enter('[name="confirmLogout"]');
  await isAt(tab, "login-info");
  await look(tab, "logged-out");
  assert.equal((await realm.sessions(id)).length, 0);
});

test("logout, told to an application in a frame", async (t) => {
  await realm.person("kim");
  const { tab, keys } = await visitor(t);
  await logIn(tab, keys, "kim", PASSWORD, auth("told"));
  await tab.goto(`${realm.issuer}/protocol/openid-connect/logout?client_id=told`);
  const told = tab.waitForRequest((request) => request.url().startsWith(`${app}/silent.html?`));
  await keys.enter('[name="confirmLogout"]');
  const said = new URL((await told).url()).searchParams;
  assert.equal(said.get("iss"), realm.issuer);
  assert.ok(said.get("sid"));
  await look(tab, "logout-frames");
});

test("consent", async (t) => {
  await realm.person("cleo");
  const { tab, keys } = await visitor(t);
  await logIn(tab, keys, "cleo", PASSWORD, auth("shy"));
  await isAt(tab, "login-login-oauth-grant");
  await look(tab, "consent");
  await keys.enter('[name="accept"]');
  arrived(tab);
});

test("the code of a device", async (t) => {
  await realm.person("dora");
  const { tab, keys } = await visitor(t);
  const answer = await fetch(`${realm.issuer}/protocol/openid-connect/auth/device`, {
    method: "POST",
    body: new URLSearchParams({ client_id: "tv", scope: "openid" }),
  });
  const { user_code, verification_uri } = await answer.json();
  await tab.goto(verification_uri);
  await look(tab, "device");
  await keys.type("#device_user_code", "AAAA-AAAA");
  await keys.enter();
  await look(tab, "device-wrong");
  await keys.type("#device_user_code", user_code);
  await keys.enter();
  await keys.type("#username", "dora");
  await keys.type("#password", PASSWORD);
  await keys.enter();
  await isAt(tab, "login-login-oauth-grant");
  await keys.enter('[name="accept"]');
  await isAt(tab, "login-info");
  await look(tab, "device-done");
});

test("a second factor is set up and asked for, and recovery codes for when it is lost", async (t) => {
  await realm.person("eve", { requiredActions: ["CONFIGURE_TOTP", "CONFIGURE_RECOVERY_AUTHN_CODES"] });
  const { profile, tab, keys } = await visitor(t);
  await logIn(tab, keys, "eve");
  await isAt(tab, "login-login-config-totp");
  await look(tab, "configure-totp");
  await keys.type("#totp", "000000");
  await keys.enter();
  await look(tab, "configure-totp-wrong");
  const secret = await tab.locator("#totpSecret").inputValue();
  await keys.type("#totp", totp(secret));
  await keys.type("#userLabel", "Telephone");
  await keys.enter("#saveTOTPBtn");
  await isAt(tab, "login-login-recovery-authn-code-config");
  await look(tab, "recovery-codes");
  const codes = await tab.locator("#kc-recovery-codes-list li").allInnerTexts();
  assert.equal(codes.length, 12);
  await keys.tick("#kcRecoveryCodesConfirmationCheck");
  await keys.enter("#saveRecoveryAuthnCodesBtn");
  arrived(tab);

  await profile.clearCookies();
  await logIn(tab, keys, "eve");
  await isAt(tab, "login-login-otp");
  await look(tab, "otp");
  await keys.type("#otp", "000000");
  await keys.enter();
  await look(tab, "otp-wrong");
  // The code of now has been used.
  await keys.type("#otp", totp(secret, 1));
  await keys.enter();
  arrived(tab);

  await profile.clearCookies();
  await logIn(tab, keys, "eve");
  await keys.enter("#try-another-way");
  await isAt(tab, "login-select-authenticator");
  await look(tab, "select-authenticator");
  await keys.enter(".choices li:nth-child(2) button");
  await isAt(tab, "login-login-recovery-authn-code-input");
  await look(tab, "recovery-code");
  await keys.type("#recoveryCodeInput", codes[0].replace(/\W/g, ""));
  await keys.enter();
  arrived(tab);
});

test("a new password", async (t) => {
  await realm.person("finn", { credentials: [{ type: "password", value: PASSWORD, temporary: true }] });
  const { tab, keys } = await visitor(t);
  await logIn(tab, keys, "finn");
  await isAt(tab, "login-login-update-password");
  await look(tab, "update-password");
  await keys.type("#password-new", "secret-2");
  await keys.type("#password-confirm", "secret-3");
  await keys.enter();
  await tab.getByText("Passwords don't match.").waitFor();
  await look(tab, "update-password-wrong");
  await keys.type("#password-new", "secret-2");
  await keys.type("#password-confirm", "secret-2");
  await keys.enter();
  arrived(tab);
});

test("a profile that misses something", async (t) => {
  await realm.person("gil", { firstName: "", email: "" });
  const { tab, keys } = await visitor(t);
  await logIn(tab, keys, "gil");
  await isAt(tab, "login-login-update-profile");
  await look(tab, "update-profile");
  await keys.type("#email", "no address");
  await keys.enter();
  await isAt(tab, "login-login-update-profile");
  await look(tab, "update-profile-wrong");
  await keys.type("#email", "gil@example.org");
  await keys.type("#firstName", "Gil");
  await keys.enter();
  arrived(tab);
});

test("the account page", async (t) => {
  const id = await realm.person("hal");
  const { tab, profile, keys } = await visitor(t);
  await logIn(tab, keys, "hal", PASSWORD, auth("shy"));
  await keys.enter('[name="accept"]');
  await tab.goto(`${realm.issuer}/account`);
  await look(tab, "account");
  const submit = (what) => keys.enter(`[name="do"][value="${what}"]`);

  await keys.type("#email", "no address");
  await submit("profile");
  await tab.getByText("Invalid email address.").waitFor();
  await look(tab, "account-profile-wrong");
  await keys.type("#email", "hal@example.com");
  await submit("profile");
  await tab.getByText("Your account has been updated.").waitFor();
  assert.equal((await realm.admin("GET", `/users/${id}`)).email, "hal@example.com");

  await keys.type("#password", "wrong");
  await keys.type("#password-new", "secret-2");
  await keys.type("#password-confirm", "secret-2");
  await submit("password");
  await look(tab, "account-password-wrong");
  await keys.type("#password", PASSWORD);
  await keys.type("#password-new", "secret-2");
  await keys.type("#password-confirm", "secret-2");
  await submit("password");
  await tab.getByText("Your password has been updated.").waitFor();

  await keys.type("#app-password-days", "soon");
  await submit("make-app-password");
  await tab.locator("#input-error-app-password-label").waitFor();
  await look(tab, "account-app-password-wrong");
  await keys.type("#app-password-label", "Build machine");
  await keys.type("#app-password-days", "30");
  await keys.type("#app-password-current", "secret-2");
  await submit("make-app-password");
  await tab.getByText("Copy it now").waitFor();
  await look(tab, "account-app-password-made");
  assert.match(await tab.locator("#app-password-value").inputValue(), /^rkp_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}$/);
  await keys.enter("#app-passwords .danger");
  await tab.getByText("The app password was removed.").waitFor();

  await keys.enter('#factors a[href*="CONFIGURE_TOTP"]');
  await isAt(tab, "login-login-config-totp");
  const secret = await tab.locator("#totpSecret").inputValue();
  await keys.type("#totp", totp(secret));
  await keys.type("#userLabel", "Telephone");
  await keys.enter("#saveTOTPBtn");
  await tab.locator("#factors").getByText("Telephone").first().waitFor();
  await look(tab, "account-factor");
  await keys.enter("#factors .danger");
  await isAt(tab, "login-delete-credential");
  await look(tab, "delete-credential");
  await keys.enter("#kc-accept");
  await tab.locator("#factors").waitFor();
  assert.equal(await tab.locator("#factors").getByText("Telephone").count(), 0);

  await submit("revoke");
  assert.deepEqual(await realm.admin("GET", `/users/${id}/consents`), []);
  await submit("sign-out");
  assert.deepEqual(await realm.sessions(id), []);
  assert.equal((await profile.cookies()).find(({ name }) => name === "KEYCLOAK_IDENTITY"), undefined);
});

test("terms", async (t) => {
  const alias = "TERMS_AND_CONDITIONS";
  const action = await realm.admin("GET", `/authentication/required-actions/${alias}`);
  await realm.admin("PUT", `/authentication/required-actions/${alias}`, { ...action, enabled: true });
  await realm.person("ida", { requiredActions: [alias] });
  const { tab, keys } = await visitor(t);
  await logIn(tab, keys, "ida");
  await isAt(tab, "login-terms");
  await look(tab, "terms");
  await keys.enter("#kc-accept");
  arrived(tab);
});
