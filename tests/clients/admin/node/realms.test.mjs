// Realms: life cycle, import in one body, partial import and export, caches, server information.

import assert from "node:assert/strict";
import test from "node:test";
import {
  KeycloakAdminClient,
  NetworkError,
  URL,
  administrator,
  has,
  login,
  names,
  person,
  realmOfThisFile,
  refused,
  unlikeOthers,
} from "./support.mjs";

const { kc, realm } = await realmOfThisFile();

test("a wrong password logs nobody in", async () => {
  const wrong = { grantType: "password", clientId: "admin-cli", username: "admin", password: "wrong" };
  const other = new KeycloakAdminClient({ baseUrl: URL });
  await assert.rejects(other.auth(wrong), (error) => {
    assert.ok(error instanceof NetworkError);
    assert.deepEqual(error.responseData, {
      error: "invalid_grant",
      error_description: "Invalid user credentials",
    });
    return error.message === "invalid_grant";
  });
  other.registerTokenProvider({ getAccessToken: async () => "nonsense" });
  await refused(other.realms.find(), 401, /HTTP 401 Unauthorized/);
});

test("a realm is made, changed, renamed and deleted", async () => {
  const name = unlikeOthers("node");
  assert.deepEqual(await kc.realms.create({ realm: name }), { realmName: name });
  const made = await kc.realms.findOne({ realm: name });
  assert.equal(made.enabled, false);
  assert.equal(made.accessTokenLifespan, 300);
  await kc.realms.update(
    { realm: name },
    { displayName: "Shown", enabled: true, ssoSessionMaxLifespan: 7200 },
  );
  const changed = await kc.realms.findOne({ realm: name });
  assert.deepEqual(
    [changed.displayName, changed.enabled, changed.ssoSessionMaxLifespan],
    ["Shown", true, 7200],
  );
  assert.equal(changed.accessTokenLifespan, 300);
  const other = unlikeOthers("node");
  await kc.realms.update({ realm: name }, { realm: other });
  assert.equal(await kc.realms.findOne({ realm: name }), null);
  assert.equal((await kc.realms.findOne({ realm: other })).id, made.id);
  has(names(await kc.realms.find({ briefRepresentation: true }), "realm"), other, "master");
  await kc.realms.del({ realm: other });
  assert.equal(await kc.realms.findOne({ realm: other }), null);
  await refused(kc.realms.del({ realm: other }), 404, /"Realm not found\."/);
});

test("what a realm cannot be is refused", async () => {
  await refused(kc.realms.create({ realm }), 409, new RegExp(`"Realm ${realm} already exists"`));
  await refused(kc.realms.create({}), 400, /Realm name cannot be empty/);
  await refused(kc.realms.create({ realm: "a/b" }), 400, /Character '\/' not allowed\./);
  await refused(kc.realms.update({ realm }, { noSuchField: 1 }), 400, /Unrecognized field/);
  await refused(kc.realms.update({ realm }, { realm: "master" }), 409, /Realm with same name exists/);
});

test("a realm arrives with all that is in it in one body", async () => {
  const whole = await administrator();
  const name = unlikeOthers("node");
  await whole.realms.create({
    realm: name,
    enabled: true,
    roles: {
      realm: [{ name: "chief", composite: true, composites: { realm: ["clerk"] } }, { name: "clerk" }],
    },
    groups: [
      { name: "office", attributes: { floor: ["2"] }, realmRoles: ["clerk"], subGroups: [{ name: "desk" }] },
    ],
    defaultGroups: ["/office"],
    clients: [
      {
        clientId: "intranet",
        secret: "given",
        protocolMappers: [
          {
            name: "level",
            protocol: "openid-connect",
            protocolMapper: "oidc-hardcoded-claim-mapper",
            config: { "claim.name": "level", "claim.value": "9", "jsonType.label": "int" },
          },
        ],
      },
    ],
    users: [
      {
        username: "boss",
        enabled: true,
        firstName: "The",
        lastName: "Boss",
        email: "boss@example.org",
        realmRoles: ["chief"],
        groups: ["/office/desk"],
        credentials: [{ type: "password", value: "secret-1" }],
      },
    ],
  });
  whole.setConfig({ realmName: name });
  try {
    const [boss] = await whole.users.find({ username: "boss" });
    has(names(await whole.users.listCompositeRealmRoleMappings({ id: boss.id })), "chief", "clerk");
    assert.deepEqual(names(await whole.users.listGroups({ id: boss.id }), "path"), ["/office/desk"]);
    assert.deepEqual(names(await whole.realms.getDefaultGroups({ realm: name }), "path"), ["/office"]);
    const [client] = await whole.clients.find({ clientId: "intranet" });
    assert.equal(client.secret, "given");
    assert.deepEqual(names(client.protocolMappers), ["level"]);
    assert.ok((await login(name, { username: "boss" })).accessToken);
  } finally {
    await whole.realms.del({ realm: name });
  }
});

test("a partial import skips, overwrites and fails", async () => {
  const bring = (ifResourceExists, firstName) =>
    kc.realms.partialImport({
      realm,
      rep: {
        ifResourceExists,
        users: [{ username: "brought", firstName }],
        roles: { realm: [{ name: "brought-role" }] },
      },
    });
  assert.equal((await bring("FAIL", "one")).added, 2);
  const skipped = await bring("SKIP", "two");
  assert.deepEqual([skipped.added, skipped.skipped, skipped.overwritten], [0, 2, 0]);
  assert.deepEqual(names(skipped.results, "action"), ["SKIPPED", "SKIPPED"]);
  assert.equal((await bring("OVERWRITE", "three")).overwritten, 2);
  assert.equal((await kc.users.find({ username: "brought" }))[0].firstName, "three");
  await refused(bring("FAIL", "four"), 409, /Realm role 'brought-role' already exists\./);
});

test("a partial export has clients and roles where they are asked for", async () => {
  await kc.clients.create({ clientId: "taken-along", secret: "unseen" });
  const bare = await kc.realms.export({ realm, exportClients: false, exportGroupsAndRoles: false });
  assert.equal(bare.realm, realm);
  assert.equal(bare.clients, undefined);
  const full = await kc.realms.export({ realm, exportClients: true, exportGroupsAndRoles: true });
  const client = full.clients.find(({ clientId }) => clientId === "taken-along");
  assert.equal(client.secret, "**********");
  has(names(full.roles.realm), "offline_access");
  assert.ok(!JSON.stringify(full).includes("unseen"));
});

test("everybody is logged out", async () => {
  const id = await person(kc, "leaver");
  const token = (await login(realm, { username: "leaver" })).accessToken;
  assert.ok(token);
  const [stats] = await kc.realms.getClientSessionStats({ realm });
  assert.deepEqual([stats.clientId, stats.active, stats.offline], ["admin-cli", "1", "0"]);
  await kc.realms.logoutAll({ realm });
  assert.deepEqual(await kc.users.listSessions({ id }), []);
  assert.deepEqual(await kc.realms.getClientSessionStats({ realm }), []);
});

test("the caches can be cleared", async () => {
  await kc.cache.clearUserCache({ realm });
  await kc.cache.clearRealmCache({ realm });
  await kc.cache.clearKeysCache({ realm });
});

test("the server says what it is", async () => {
  const info = await kc.serverInfo.find();
  assert.match(info.systemInfo.version, /^\d+\.\d+/);
  assert.ok(info.memoryInfo.total > 0);
  has(names(info.componentTypes["org.keycloak.keys.KeyProvider"], "id"), "rsa-generated", "rsa");
  has(names(info.protocolMapperTypes["docker-v2"], "id"), "docker-v2-allow-all-mapper");
  has(Object.keys(info.builtinProtocolMappers), "openid-connect");
  has(info.enums.operationType, "CREATE", "DELETE");
  has(info.enums.eventType, "LOGIN", "LOGIN_ERROR");
  assert.ok(info.profileInfo && info.cryptoInfo && info.themes);
  has(names(info.features), "DOCKER");
});

test("whoami answers the console only", async () => {
  await refused(
    kc.whoAmI.find({ realm: "master", currentRealm: realm }),
    403,
    /not the admin console: admin-cli/,
  );
});
