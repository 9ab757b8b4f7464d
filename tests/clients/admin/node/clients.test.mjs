// Clients and client scopes.

import assert from "node:assert/strict";
import test from "node:test";
import { NOBODY, claims, has, login, names, person, realmOfThisFile, refused } from "./support.mjs";

const { kc, realm } = await realmOfThisFile();
const mapper = (name, value) => ({
  name,
  protocol: "openid-connect",
  protocolMapper: "oidc-hardcoded-claim-mapper",
  config: {
    "claim.name": name,
    "claim.value": value,
    "jsonType.label": "String",
    "access.token.claim": "true",
  },
});

test("a client is made with defaults, changed, found and deleted", async () => {
  const { id } = await kc.clients.create({ clientId: "shop", description: "Sells" });
  const client = await kc.clients.findOne({ id });
  assert.deepEqual([client.protocol, client.enabled, client.publicClient], ["openid-connect", true, false]);
  assert.ok(client.secret.length >= 32);
  has(client.defaultClientScopes, "profile", "email", "roles");
  await kc.clients.update({ id }, { clientId: "store", redirectUris: ["https://store.example/*"] });
  const changed = await kc.clients.findOne({ id });
  assert.deepEqual([changed.clientId, changed.description], ["store", "Sells"]);
  assert.deepEqual(changed.redirectUris, ["https://store.example/*"]);
  assert.deepEqual(names(await kc.clients.find({ clientId: "store" }), "id"), [id]);
  assert.deepEqual(await kc.clients.find({ clientId: "stor" }), []);
  assert.deepEqual(names(await kc.clients.find({ clientId: "stor", search: true }), "clientId"), ["store"]);
  assert.equal((await kc.clients.find({ first: 0, max: 3 })).length, 3);
  await refused(kc.clients.create({ clientId: "store" }), 409, /"Client store already exists"/);
  await refused(kc.clients.create({ clientId: "odd", protocol: "nosuch" }), 400, /Invalid protocol: nosuch/);
  await kc.clients.del({ id });
  assert.equal(await kc.clients.findOne({ id }), null);
  await refused(kc.clients.del({ id }), 404, /"Could not find client"/);
});

test("a registry's client has its installation texts", async () => {
  const { id } = await kc.clients.create({ clientId: "hub", protocol: "docker-v2" });
  const text = (providerId) => kc.clients.getInstallationProviders({ id, providerId });
  assert.match(
    await text("docker-v2-registry-config-file"),
    new RegExp(`realms/${realm}/protocol/docker-v2/auth`),
  );
  assert.match(await text("docker-v2-variable-override"), /REGISTRY_AUTH_TOKEN_SERVICE=hub/);
  const [allow] = (await kc.clients.findOne({ id })).protocolMappers;
  assert.equal(allow.protocolMapper, "docker-v2-allow-all-mapper");
  await refused(text("nosuch"), 404, /"Unknown Provider"/);
});

test("a service account administers with its secret", async () => {
  const { id } = await kc.clients.create({ clientId: "robot", serviceAccountsEnabled: true });
  assert.equal((await kc.clients.getClientSecret({ id })).type, "secret");
  const { value } = await kc.clients.generateNewClientSecret({ id });
  assert.equal((await kc.clients.getClientSecret({ id })).value, value);
  const account = await kc.clients.getServiceAccountUser({ id });
  assert.equal(account.username, "service-account-robot");
  const [management] = await kc.clients.find({ clientId: "realm-management" });
  const role = await kc.clients.findRole({ id: management.id, roleName: "manage-users" });
  await kc.users.addClientRoleMappings({ id: account.id, clientUniqueId: management.id, roles: [role] });

  const credentials = { grantType: "client_credentials", clientId: "robot", clientSecret: value };
  const robot = await login(realm, credentials);
  const user = await person(robot, "made-by-robot");
  assert.equal((await kc.users.findOne({ id: user })).username, "made-by-robot");
  await refused(robot.clients.create({ clientId: "not-allowed" }), 403, /HTTP 403 Forbidden/);
  await refused(robot.realms.findOne({ realm: "master" }), 403, /HTTP 403 Forbidden/);
  await refused(
    login(realm, { ...credentials, clientSecret: "wrong" }),
    401,
    /Invalid client or Invalid client credentials/,
  );
});

test("protocol mappers are added, read, changed and deleted", async () => {
  const { id } = await kc.clients.create({ clientId: "mapped", protocol: "openid-connect" });
  await person(kc, "bearer");
  await kc.clients.addProtocolMapper({ id }, mapper("colour", "green"));
  await kc.clients.addMultipleProtocolMappers({ id }, [mapper("shape", "round"), mapper("size", "small")]);
  const all = await kc.clients.listProtocolMappers({ id });
  has(names(all), "colour", "shape", "size");
  const colour = all.find(({ name }) => name === "colour");
  const one = { id, mapperId: colour.id };
  assert.deepEqual(await kc.clients.findProtocolMapperById(one), colour);
  has(names(await kc.clients.findProtocolMappersByProtocol({ id, protocol: "openid-connect" })), "colour");
  const said = async () =>
    claims((await login(realm, { clientId: "mapped", username: "bearer" })).accessToken);
  const before = await said();
  assert.deepEqual([before.colour, before.shape, before.size], ["green", "round", "small"]);
  await kc.clients.updateProtocolMapper(one, {
    ...colour,
    config: { ...colour.config, "claim.value": "red" },
  });
  assert.equal((await said()).colour, "red");
  await refused(
    kc.clients.addProtocolMapper({ id }, mapper("shape", "x")),
    409,
    /"Protocol mapper exists with same name"/,
  );
  await kc.clients.delProtocolMapper(one);
  assert.equal(await kc.clients.findProtocolMapperById(one), null);
  assert.equal((await said()).colour, undefined);
});

test("client scopes are made, changed and deleted", async () => {
  const { id } = await kc.clientScopes.create({ name: "extra", protocol: "openid-connect" });
  await kc.clientScopes.update({ id }, { name: "extra", description: "More", protocol: "openid-connect" });
  assert.equal((await kc.clientScopes.findOne({ id })).description, "More");
  assert.equal((await kc.clientScopes.findOneByName({ name: "extra" })).id, id);
  has(names(await kc.clientScopes.find()), "extra", "profile");
  await kc.clientScopes.addProtocolMapper({ id }, mapper("team", "red"));
  await kc.clientScopes.addMultipleProtocolMappers({ id }, [mapper("desk", "7")]);
  const [desk, team] = (await kc.clientScopes.listProtocolMappers({ id })).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  assert.deepEqual([desk.name, team.name], ["desk", "team"]);
  const one = { id, mapperId: team.id };
  assert.equal((await kc.clientScopes.findProtocolMapper(one)).name, "team");
  await kc.clientScopes.updateProtocolMapper(one, {
    ...team,
    config: { ...team.config, "claim.value": "blue" },
  });
  assert.equal(
    (await kc.clientScopes.findProtocolMapperByName({ id, name: "team" })).config["claim.value"],
    "blue",
  );
  await kc.clientScopes.delProtocolMapper(one);
  has(names(await kc.clientScopes.findProtocolMappersByProtocol({ id, protocol: "openid-connect" })), "desk");

  await kc.clientScopes.addDefaultClientScope({ id });
  has(names(await kc.clientScopes.listDefaultClientScopes()), "extra");
  await kc.clientScopes.delDefaultClientScope({ id });
  await kc.clientScopes.addDefaultOptionalClientScope({ id });
  has(names(await kc.clientScopes.listDefaultOptionalClientScopes()), "extra");
  await kc.clientScopes.delDefaultOptionalClientScope({ id });
  await refused(kc.clientScopes.create({ name: "extra", protocol: "openid-connect" }), 409, /already exists/);
  await refused(kc.clientScopes.create({ name: "other" }), 400, /Unexpected protocol/);
  await kc.clientScopes.del({ id });
  assert.equal(await kc.clientScopes.findOne({ id }), null);
});

test("a client has default and optional scopes", async () => {
  const { id: scope } = await kc.clientScopes.create({
    name: "member",
    protocol: "openid-connect",
    protocolMappers: [mapper("member", "yes")],
  });
  const { id } = await kc.clients.create({ clientId: "scoped", protocol: "openid-connect" });
  await person(kc, "scoped");
  const said = async (...scopes) =>
    claims((await login(realm, { clientId: "scoped", username: "scoped", scopes })).accessToken);
  const one = { id, clientScopeId: scope };
  await kc.clients.addDefaultClientScope(one);
  has(names(await kc.clients.listDefaultClientScopes({ id })), "member");
  assert.equal((await said("openid")).member, "yes");
  const user = (await kc.users.find({ username: "scoped" }))[0].id;
  const example = await kc.clients.evaluateGenerateAccessToken({
    id,
    userId: user,
    scope: "openid",
    audience: "",
  });
  assert.equal(example.member, "yes");
  has(names(await kc.clients.evaluateListProtocolMapper({ id, scope: "openid" }), "mapperName"), "member");
  await kc.clients.delDefaultClientScope(one);
  assert.equal((await said("openid")).member, undefined);
  await kc.clients.addOptionalClientScope(one);
  has(names(await kc.clients.listOptionalClientScopes({ id })), "member");
  assert.equal((await said("openid")).member, undefined);
  assert.equal((await said("openid", "member")).member, "yes");
  await kc.clients.delOptionalClientScope(one);
});

test("scope mappings of clients and scopes", async () => {
  await kc.roles.create({ name: "scope-role" });
  const role = await kc.roles.findOneByName({ name: "scope-role" });
  const { id: owner } = await kc.clients.create({ clientId: "owner" });
  await kc.clients.createRole({ id: owner, name: "task" });
  const task = await kc.clients.findRole({ id: owner, roleName: "task" });
  const { id: client } = await kc.clients.create({ clientId: "narrow", fullScopeAllowed: false });
  const { id: scope } = await kc.clientScopes.create({ name: "narrow", protocol: "openid-connect" });
  for (const [holder, id] of [
    [kc.clients, client],
    [kc.clientScopes, scope],
  ]) {
    const where = { id, client: owner };
    has(names(await holder.listAvailableRealmScopeMappings({ id })), "scope-role");
    await holder.addRealmScopeMappings({ id }, [role]);
    assert.deepEqual(names(await holder.listRealmScopeMappings({ id })), ["scope-role"]);
    assert.deepEqual(names(await holder.listCompositeRealmScopeMappings({ id })), ["scope-role"]);
    assert.deepEqual(names(await holder.listAvailableClientScopeMappings(where)), ["task"]);
    await holder.addClientScopeMappings(where, [task]);
    assert.deepEqual(names(await holder.listClientScopeMappings(where)), ["task"]);
    assert.deepEqual(names(await holder.listCompositeClientScopeMappings(where)), ["task"]);
    const all = await holder.listScopeMappings({ id });
    assert.deepEqual(names(all.realmMappings), ["scope-role"]);
    assert.deepEqual(names(all.clientMappings.owner.mappings), ["task"]);
    await holder.delClientScopeMappings(where, [task]);
    await holder.delRealmScopeMappings({ id }, [role]);
    assert.deepEqual(await holder.listScopeMappings({ id }), {});
  }
  await refused(
    kc.clients.addRealmScopeMappings({ id: client }, [{ id: NOBODY, name: "x" }]),
    404,
    /not found/i,
  );
});
