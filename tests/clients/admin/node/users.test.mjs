// Users: life cycle, search, credentials, roles, groups, sessions, lock-out.

import assert from "node:assert/strict";
import test from "node:test";
import { setTimeout } from "node:timers/promises";
import { NOBODY, has, login, names, person, realmOfThisFile, refused } from "./support.mjs";

const { kc, realm } = await realmOfThisFile({
  bruteForceProtected: true,
  failureFactor: 2,
  waitIncrementSeconds: 600,
});

test("a user is made, read, changed and deleted", async () => {
  const { id } = await kc.users.create({
    username: "Wanda",
    email: "Wanda@Example.org",
    emailVerified: true,
  });
  const user = await kc.users.findOne({ id });
  assert.deepEqual(
    [user.username, user.email, user.emailVerified, user.enabled],
    ["wanda", "wanda@example.org", true, false],
  );
  assert.deepEqual([user.requiredActions, user.disableableCredentialTypes, user.totp], [[], [], false]);
  await kc.users.update(
    { id },
    { firstName: "wan", lastName: "da", enabled: true, requiredActions: ["UPDATE_PASSWORD"] },
  );
  const changed = await kc.users.findOne({ id });
  assert.deepEqual([changed.firstName, changed.lastName, changed.enabled], ["wan", "da", true]);
  assert.deepEqual(changed.requiredActions, ["UPDATE_PASSWORD"]);
  assert.equal(changed.email, "wanda@example.org");
  const shown = await kc.users.findOne({ id, userProfileMetadata: true });
  has(names(shown.userProfileMetadata.attributes), "username", "email");
  has(names((await kc.users.getProfileMetadata()).attributes), "username", "email");
  assert.deepEqual(await kc.users.getUnmanagedAttributes({ id }), {});
  await kc.users.del({ id });
  assert.equal(await kc.users.findOne({ id }), null);
  await refused(kc.users.del({ id }), 404, /"User not found"/);
});

test("users are found and counted", async () => {
  const profile = await kc.users.getProfile();
  await kc.users.updateProfile({ ...profile, unmanagedAttributePolicy: "ENABLED" });
  for (const [username, lastName, key] of [
    ["finder", "Alpha", "x"],
    ["refinder", "Beta", "y"],
    ["findling", "Alpha", "x"],
  ])
    await kc.users.create({ username, lastName, email: `${username}@find.example`, attributes: { key } });
  const found = async (query) => (await kc.users.find(query)).map(({ username }) => username);
  assert.deepEqual(await found({ username: "find" }), ["finder", "findling", "refinder"]);
  assert.deepEqual(await found({ username: "finder", exact: true }), ["finder"]);
  assert.deepEqual(await found({ search: "find" }), ["finder", "findling"]);
  assert.deepEqual(await found({ search: "*nder*" }), ["finder", "refinder"]);
  assert.deepEqual(await found({ search: "alpha" }), ["finder", "findling"]);
  assert.deepEqual(await found({ email: "refinder@find.example", exact: true }), ["refinder"]);
  assert.deepEqual(await found({ q: "key:x" }), ["finder", "findling"]);
  assert.deepEqual(await found({ search: "*find.example", first: 1, max: 1 }), ["findling"]);
  assert.deepEqual(await found({ search: "none" }), []);
  assert.equal(await kc.users.count({ search: "find" }), 2);
  assert.equal(await kc.users.count({ email: "find.example" }), 3);
  assert.equal(await kc.users.count({ q: "key:y" }), 1);
  assert.ok((await kc.users.count()) >= 3);
  assert.deepEqual((await kc.users.find({ username: "finder", exact: true }))[0].attributes, { key: ["x"] });
});

test("what a user cannot be is refused", async () => {
  const id = await person(kc, "taken");
  await refused(kc.users.create({ username: "TAKEN" }), 409, /"User exists with same username"/);
  await refused(
    kc.users.create({ username: "free", email: "taken@example.org" }),
    409,
    /"User exists with same email"/,
  );
  await refused(kc.users.create({}), 400, /"User name is missing"/);
  await refused(kc.users.update({ id }, { username: "changed" }), 400, /error-user-attribute-read-only/);
  await refused(kc.users.create({ username: "odd", noSuchField: 1 }), 400, /Unrecognized field/);
  assert.equal(await kc.users.findOne({ id: NOBODY }), null);
});

test("credentials are set, labelled, moved and deleted", async () => {
  const id = await person(kc, "holder");
  await kc.users.resetPassword({ id, credential: { type: "password", value: "secret-2", temporary: false } });
  assert.ok((await login(realm, { username: "holder", password: "secret-2" })).accessToken);
  const [password] = await kc.users.getCredentials({ id });
  assert.equal(password.type, "password");
  assert.equal(password.secretData, undefined);
  assert.equal(JSON.parse(password.credentialData).algorithm, "argon2");
  await kc.users.updateCredentialLabel({ id, credentialId: password.id }, "the old one");
  assert.equal((await kc.users.getCredentials({ id }))[0].userLabel, "the old one");
  await kc.users.moveCredentialPositionUp({ id, credentialId: password.id });
  assert.deepEqual(await kc.users.getUserStorageCredentialTypes({ id }), []);
  await kc.users.resetPassword({ id, credential: { type: "password", value: "secret-3", temporary: true } });
  assert.deepEqual((await kc.users.findOne({ id })).requiredActions, ["UPDATE_PASSWORD"]);
  await refused(
    login(realm, { username: "holder", password: "secret-3" }),
    400,
    /Account is not fully set up/,
  );
  const [now] = await kc.users.getCredentials({ id });
  await kc.users.deleteCredential({ id, credentialId: now.id });
  assert.deepEqual(await kc.users.getCredentials({ id }), []);
  await refused(kc.users.deleteCredential({ id, credentialId: now.id }), 404, /"Credential not found"/);
});

test("realm and client roles are mapped", async () => {
  const id = await person(kc, "mapped");
  await kc.roles.create({ name: "mapping" });
  const role = await kc.roles.findOneByName({ name: "mapping" });
  has(names(await kc.users.listAvailableRealmRoleMappings({ id })), "mapping");
  await kc.users.addRealmRoleMappings({ id, roles: [{ id: role.id, name: role.name }] });
  has(names(await kc.users.listRealmRoleMappings({ id })), "mapping");
  has(names(await kc.users.listCompositeRealmRoleMappings({ id })), "mapping", "offline_access");
  const { id: clientUniqueId } = await kc.clients.create({ clientId: "mapping-app" });
  await kc.clients.createRole({ id: clientUniqueId, name: "app-role" });
  const appRole = await kc.clients.findRole({ id: clientUniqueId, roleName: "app-role" });
  const where = { id, clientUniqueId };
  assert.deepEqual(names(await kc.users.listAvailableClientRoleMappings(where)), ["app-role"]);
  await kc.users.addClientRoleMappings({ ...where, roles: [appRole] });
  assert.deepEqual(names(await kc.users.listClientRoleMappings(where)), ["app-role"]);
  assert.deepEqual(names(await kc.users.listCompositeClientRoleMappings(where)), ["app-role"]);
  const all = await kc.users.listRoleMappings({ id });
  has(names(all.realmMappings), "mapping");
  assert.deepEqual(names(all.clientMappings["mapping-app"].mappings), ["app-role"]);
  await kc.users.delClientRoleMappings({ ...where, roles: [appRole] });
  await kc.users.delRealmRoleMappings({ id, roles: [role] });
  assert.deepEqual(await kc.users.listClientRoleMappings(where), []);
  await refused(
    kc.users.addRealmRoleMappings({ id, roles: [{ id: NOBODY, name: "x" }] }),
    404,
    /"Role not found"/,
  );
});

test("users join groups and leave them", async () => {
  const id = await person(kc, "joiner");
  const { id: groupId } = await kc.groups.create({ name: "joined" });
  await kc.users.addToGroup({ id, groupId });
  assert.deepEqual(names(await kc.users.listGroups({ id }), "path"), ["/joined"]);
  assert.deepEqual(await kc.users.countGroups({ id }), { count: 1 });
  assert.deepEqual(await kc.users.countGroups({ id, search: "none" }), { count: 0 });
  await kc.users.delFromGroup({ id, groupId });
  assert.deepEqual(await kc.users.listGroups({ id }), []);
});

test("sessions are listed and ended", async () => {
  const id = await person(kc, "visitor");
  await kc.clients.create({ clientId: "visited", protocol: "openid-connect" });
  await login(realm, { username: "visitor", clientId: "visited" });
  const [session] = await kc.users.listSessions({ id });
  assert.deepEqual([session.username, session.userId], ["visitor", id]);
  const [client] = await kc.clients.find({ clientId: "visited" });
  assert.deepEqual(session.clients, { [client.id]: "visited" });
  assert.deepEqual(await kc.clients.getSessionCount({ id: client.id }), { count: 1 });
  assert.deepEqual(names(await kc.clients.listSessions({ id: client.id }), "username"), ["visitor"]);
  await kc.realms.deleteSession({ realm, session: session.id, isOffline: false });
  assert.deepEqual(await kc.users.listSessions({ id }), []);
  await refused(
    kc.realms.deleteSession({ realm, session: session.id, isOffline: false }),
    404,
    /"Sesssion not found"/,
  );
  assert.equal(await kc.realms.removeSession({ realm, sessionId: session.id }), null);
  assert.equal((await kc.clients.listOfflineSessions({ id: client.id })).length, 0);
  assert.equal((await kc.users.listOfflineSessions({ id, clientId: client.id })).length, 0);
  await login(realm, { username: "visitor", clientId: "visited", scopes: ["openid", "offline_access"] });
  const [offline] = await kc.users.listOfflineSessions({ id, clientId: client.id });
  assert.deepEqual([offline.username, offline.clients], ["visitor", { [client.id]: "visited" }]);
  assert.deepEqual(await kc.clients.getOfflineSessionCount({ id: client.id }), { count: 1 });
  assert.deepEqual(await kc.clients.listOfflineSessions({ id: client.id }), [offline]);
  await kc.realms.deleteSession({ realm, session: offline.id, isOffline: true });
  assert.deepEqual(await kc.users.listOfflineSessions({ id, clientId: client.id }), []);
  await login(realm, { username: "visitor" });
  await kc.users.logout({ id });
  assert.deepEqual(await kc.users.listSessions({ id }), []);
});

test("who guesses is locked out until an administrator helps", async () => {
  const id = await person(kc, "guessed");
  // Keycloak counts a failure a little later.
  const guess = async (number) => {
    await refused(login(realm, { username: "guessed", password: "wrong" }), 400, /Invalid user credentials/);
    let status;
    for (let tries = 0; tries < 100 && status?.numFailures !== number; tries++) {
      if (status) await setTimeout(50);
      status = await kc.attackDetection.findOne({ id });
    }
    assert.equal(status.numFailures, number);
    return status;
  };
  assert.equal((await guess(1)).disabled, false);
  assert.equal((await guess(2)).disabled, true);
  await refused(login(realm, { username: "guessed" }), 400, /Invalid user credentials/);
  await kc.attackDetection.del({ id });
  assert.equal((await kc.attackDetection.findOne({ id })).disabled, false);
  assert.ok((await login(realm, { username: "guessed" })).accessToken);
  await guess(1);
  await guess(2);
  await kc.attackDetection.delAll();
  assert.equal((await kc.attackDetection.findOne({ id })).numFailures, 0);
});
