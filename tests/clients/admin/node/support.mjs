// The server under test, and a realm for each file.
//
// KEYCLOAK_URL says where the server is, KEYCLOAK_ADMIN and KEYCLOAK_PASSWORD who administers it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { after, before } from "node:test";
import { pathToFileURL } from "node:url";

// So that NODE_PATH counts, which an import by name does not look at.
const client = createRequire(import.meta.url).resolve("@keycloak/keycloak-admin-client");
const { default: KeycloakAdminClient, NetworkError } = await import(pathToFileURL(client));

export { KeycloakAdminClient, NetworkError };
export const URL = process.env.KEYCLOAK_URL.replace(/\/+$/, "");
export const NOBODY = "00000000-0000-4000-8000-000000000000";
const username = process.env.KEYCLOAK_ADMIN ?? "admin";
const password = process.env.KEYCLOAK_PASSWORD ?? "admin";

/** A client that is logged in at master. */
export async function administrator() {
  const kc = new KeycloakAdminClient({ baseUrl: URL, realmName: "master" });
  const credentials = { grantType: "password", clientId: "admin-cli", username, password };
  await kc.auth(credentials);
  // Tokens of master live a minute, and a refresh would ask the realm that is set now.
  const other = new KeycloakAdminClient({ baseUrl: URL, realmName: "master" });
  await other.auth(credentials);
  kc.registerTokenProvider({ getAccessToken: () => other.getAccessToken() });
  return kc;
}

export const unlikeOthers = (prefix) => `${prefix}-${randomUUID().slice(0, 8)}`;

/** A fresh realm for the tests of a file; `kc` is set to it. */
export async function realmOfThisFile(fields = {}) {
  const kc = await administrator();
  const realm = unlikeOthers("node");
  before(() =>
    kc.realms.create({ realm, enabled: true, ...fields }).then(() => kc.setConfig({ realmName: realm })),
  );
  after(() => kc.realms.del({ realm }));
  return { kc, realm };
}

/** Creates a user who can log in with the password `secret-1`, and returns the id. */
export async function person(kc, name, fields = {}) {
  const { id } = await kc.users.create({
    username: name,
    enabled: true,
    firstName: "Test",
    lastName: "Person",
    email: `${name}@example.org`,
    credentials: [{ type: "password", value: "secret-1", temporary: false }],
    ...fields,
  });
  return id;
}

/** The client of somebody else, logged in at a realm. */
export async function login(realmName, credentials) {
  const kc = new KeycloakAdminClient({ baseUrl: URL, realmName });
  await kc.auth({ grantType: "password", clientId: "admin-cli", password: "secret-1", ...credentials });
  return kc;
}

/** What a token says. */
export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

/** The call is refused with this status and this message. */
export async function refused(call, status, message) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof NetworkError, `${error}`);
    assert.equal(error.response.status, status, JSON.stringify(error.responseData));
    assert.match(JSON.stringify(error.responseData), message);
    return true;
  });
}

/** The names of a list, sorted. */
export const names = (list, key = "name") => list.map((one) => one[key]).sort();

/** Whether all of these are in the list. */
export function has(list, ...wanted) {
  for (const one of wanted) assert.ok(list.includes(one), `${one} is not in ${list}`);
}
