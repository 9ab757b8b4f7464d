// Keycloak's admin console in Chromium. CONSOLE is a folder with its files, for a server that has none.

import assert from "node:assert/strict";
import test, { after } from "node:test";
import { Realm, URL_, admin } from "../node/support.mjs";
import { browserOfThisFile } from "./chromium.mjs";
import { consoleBefore } from "./console.mjs";

const files = process.env.CONSOLE;
const at = files ? await consoleBefore(files) : URL_;
const chromium = await browserOfThisFile();
const realm = new Realm("console");
after(() => realm.delete());

// Not the e-mail settings: they look for the administrator in a realm that is not his, and Keycloak finds him there.
const SECTIONS = [
  "clients",
  "client-scopes",
  "roles",
  "users",
  "groups",
  "sessions",
  "events",
  "realm-settings/general",
  "realm-settings/keys",
  "realm-settings/tokens",
  "realm-settings/user-profile",
  "authentication",
];

test("an administrator makes a realm, a person and a client in the console", async () => {
  const tab = await chromium.newPage({ viewport: { width: 1400, height: 900 }, locale: "en" });
  tab.setDefaultTimeout(30_000);
  const wrong = [];
  tab.on("response", (answer) => {
    const { pathname } = new URL(answer.url());
    if (answer.status() >= 400) wrong.push(`${answer.status()} ${answer.request().method()} ${pathname}`);
  });
  const by = (id) => tab.locator(`[data-testid="${id}"]`);
  const go = (path) => tab.goto(`${at}/admin/master/console/#/${path}`);

  await go("master/realms");
  await tab.locator("#username").fill(process.env.KEYCLOAK_ADMIN ?? "admin");
  await tab.locator("#password").fill(process.env.KEYCLOAK_PASSWORD ?? "admin");
  await tab.locator("#kc-login").click();
  await by("add-realm").click();
  await by("realm").fill(realm.name);
  await by("create").click();
  await tab.waitForURL(`**/#/${realm.name}**`);
  assert.equal((await realm.admin("GET", "")).enabled, true);

  await go(`${realm.name}/users/add-user`);
  await by("username").fill("ada");
  await by("email").fill("ada@example.org");
  await by("firstName").fill("Ada");
  await by("lastName").fill("Lovelace");
  await by("user-creation-save").click();
  await by("credentials").click();
  await by("no-credentials-empty-action").click();
  await by("passwordField").fill("secret-1");
  await by("passwordConfirmationField").fill("secret-1");
  await tab.locator('label:has([data-testid="temporaryPassword"])').click();
  await by("confirm").click();
  await by("confirm").click();
  await tab.getByText("The password has been set successfully.").waitFor();
  const [ada] = await realm.admin("GET", "/users?username=ada");
  assert.deepEqual([ada.email, ada.lastName, ada.requiredActions], ["ada@example.org", "Lovelace", []]);

  await go(`${realm.name}/clients/add-client`);
  await by("clientId").fill("web");
  await tab.getByRole("button", { name: "Next" }).click();
  await tab.getByRole("button", { name: "Next" }).click();
  await by("redirectUris0").fill("http://localhost:9/callback");
  await by("save").or(tab.getByRole("button", { name: "Save" })).first().click();
  await tab.getByText("Client created successfully").waitFor();
  const [web] = await realm.admin("GET", "/clients?clientId=web");
  assert.deepEqual(web.redirectUris, ["http://localhost:9/callback"]);

  await go(`${realm.name}/roles/new`);
  await tab.getByRole("heading", { name: "Create role" }).waitFor();
  await by("name").fill("reader");
  await by("save").click();
  await tab.waitForURL(/roles\/[-0-9a-f]{36}/);
  assert.equal((await realm.admin("GET", "/roles/reader")).name, "reader");

  // Before this there is one that the console makes with any server.
  tab.on("pageerror", (error) => wrong.push(`${error}`));
  for (const section of SECTIONS) {
    await go(`${realm.name}/${section}`);
    await tab.reload({ waitUntil: "networkidle" });
    await by("view-header").first().waitFor();
    assert.equal(await tab.getByText("Danger alert").count(), 0, section);
    assert.deepEqual(wrong, [], section);
  }
});
