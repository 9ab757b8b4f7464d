// Groups and roles.

import assert from "node:assert/strict";
import test from "node:test";
import { NOBODY, has, names, person, realmOfThisFile, refused } from "./support.mjs";

const { kc, realm } = await realmOfThisFile();

test("groups form a tree", async () => {
  const { id } = await kc.groups.create({ name: "tree", attributes: { key: ["value"] } });
  const { id: childId } = await kc.groups.createChildGroup({ id }, { name: "branch" });
  const child = await kc.groups.findOne({ id: childId });
  assert.deepEqual([child.path, child.parentId], ["/tree/branch", id]);
  assert.deepEqual(names(await kc.groups.listSubGroups({ parentId: id })), ["branch"]);
  const whole = await kc.groups.findOne({ id });
  assert.deepEqual([whole.attributes, whole.subGroupCount, whole.subGroups], [{ key: ["value"] }, 1, []]);
  await kc.groups.update({ id }, { name: "oak", attributes: { key: ["other"] } });
  assert.equal((await kc.realms.getGroupByPath({ realm, path: "oak/branch" })).id, childId);
  await kc.groups.updateRoot({ id: childId, name: "branch" });
  assert.equal((await kc.groups.findOne({ id: childId })).path, "/branch");
  await kc.groups.updateChildGroup({ id }, { id: childId, name: "branch" });
  assert.equal((await kc.groups.findOne({ id: childId })).path, "/oak/branch");
  await kc.groups.del({ id });
  assert.equal(await kc.groups.findOne({ id: childId }), null);
});

test("groups are found and counted", async () => {
  const { id } = await kc.groups.create({ name: "found-root" });
  await kc.groups.createChildGroup({ id }, { name: "found-inside" });
  await kc.groups.createChildGroup({ id }, { name: "other-inside" });
  const [hit] = await kc.groups.find({ search: "found-inside" });
  assert.equal(hit.id, id);
  assert.deepEqual(names(hit.subGroups), ["found-inside"]);
  assert.deepEqual(await kc.groups.find({ search: "found", exact: true }), []);
  assert.equal((await kc.groups.find({ first: 0, max: 1 })).length, 1);
  assert.deepEqual(await kc.groups.count({ search: "found" }), { count: 2 });
  assert.ok((await kc.groups.count()).count > (await kc.groups.count({ top: true })).count);
});

test("what a group cannot be is refused", async () => {
  const { id } = await kc.groups.create({ name: "twin" });
  await refused(kc.groups.create({ name: "twin" }), 409, /Top level group named 'twin' already exists\./);
  await kc.groups.createChildGroup({ id }, { name: "twin" });
  await refused(
    kc.groups.createChildGroup({ id }, { name: "twin" }),
    409,
    /Sibling group named 'twin' already exists\./,
  );
  await refused(kc.groups.create({}), 400, /"Group name is missing"/);
  assert.equal(await kc.groups.findOne({ id: NOBODY }), null);
});

test("a group has members and roles, and can be the default", async () => {
  const { id } = await kc.groups.create({ name: "team" });
  const user = await person(kc, "member");
  await kc.users.addToGroup({ id: user, groupId: id });
  assert.deepEqual(names(await kc.groups.listMembers({ id }), "username"), ["member"]);
  assert.deepEqual(await kc.groups.listMembers({ id, first: 1, max: 1 }), []);

  await kc.roles.create({ name: "team-role" });
  const role = await kc.roles.findOneByName({ name: "team-role" });
  has(names(await kc.groups.listAvailableRealmRoleMappings({ id })), "team-role");
  await kc.groups.addRealmRoleMappings({ id, roles: [role] });
  assert.deepEqual(names(await kc.groups.listRealmRoleMappings({ id })), ["team-role"]);
  assert.deepEqual(names(await kc.groups.listCompositeRealmRoleMappings({ id })), ["team-role"]);
  const { id: clientUniqueId } = await kc.clients.create({ clientId: "team-app" });
  await kc.clients.createRole({ id: clientUniqueId, name: "player" });
  const player = await kc.clients.findRole({ id: clientUniqueId, roleName: "player" });
  const where = { id, clientUniqueId };
  assert.deepEqual(names(await kc.groups.listAvailableClientRoleMappings(where)), ["player"]);
  await kc.groups.addClientRoleMappings({ ...where, roles: [player] });
  assert.deepEqual(names(await kc.groups.listClientRoleMappings(where)), ["player"]);
  assert.deepEqual(names(await kc.groups.listCompositeClientRoleMappings(where)), ["player"]);
  const all = await kc.groups.listRoleMappings({ id });
  assert.deepEqual(names(all.clientMappings["team-app"].mappings), ["player"]);
  has(names(await kc.users.listCompositeRealmRoleMappings({ id: user })), "team-role");
  await kc.groups.delClientRoleMappings({ ...where, roles: [player] });
  await kc.groups.delRealmRoleMappings({ id, roles: [role] });
  assert.deepEqual(await kc.groups.listRoleMappings({ id }), {});

  await kc.realms.addDefaultGroup({ realm, id });
  assert.deepEqual(names(await kc.realms.getDefaultGroups({ realm }), "path"), ["/team"]);
  const born = await person(kc, "newborn");
  assert.deepEqual(names(await kc.users.listGroups({ id: born })), ["team"]);
  await kc.realms.removeDefaultGroup({ realm, id });
  assert.deepEqual(await kc.realms.getDefaultGroups({ realm }), []);
});

test("a realm role is made, changed and deleted", async () => {
  assert.deepEqual(await kc.roles.create({ name: "guard", description: "Watches" }), { roleName: "guard" });
  const role = await kc.roles.findOneByName({ name: "guard" });
  assert.deepEqual([role.description, role.composite, role.clientRole], ["Watches", false, false]);
  await kc.roles.updateByName({ name: "guard" }, { name: "watch", attributes: { shift: ["night"] } });
  assert.deepEqual((await kc.roles.findOneById({ id: role.id })).attributes, { shift: ["night"] });
  await kc.roles.updateById({ id: role.id }, { name: "watch", description: "Changed" });
  assert.equal((await kc.roles.findOneByName({ name: "watch" })).description, "Changed");
  assert.deepEqual(names(await kc.roles.find({ search: "watch" })), ["watch"]);
  assert.equal((await kc.roles.find({ first: 0, max: 2 })).length, 2);
  await refused(kc.roles.create({ name: "watch" }), 409, /"Role with name watch already exists"/);
  await kc.roles.delById({ id: role.id });
  assert.equal(await kc.roles.findOneByName({ name: "watch" }), null);
  assert.equal(await kc.roles.findOneById({ id: role.id }), null);
  await refused(kc.roles.delByName({ name: "watch" }), 404, /"Could not find role"/);
  await kc.roles.create({ name: "brief" });
  await kc.roles.delByName({ name: "brief" });
});

test("a composite holds realm and client roles", async () => {
  await kc.roles.create({ name: "whole" });
  await kc.roles.create({ name: "part" });
  const whole = await kc.roles.findOneByName({ name: "whole" });
  const part = await kc.roles.findOneByName({ name: "part" });
  const { id: clientId } = await kc.clients.create({ clientId: "pieces" });
  await kc.clients.createRole({ id: clientId, name: "piece" });
  const piece = await kc.clients.findRole({ id: clientId, roleName: "piece" });
  await kc.roles.createComposite({ roleId: whole.id }, [part, piece]);
  const { id } = whole;
  assert.deepEqual(names(await kc.roles.getCompositeRoles({ id })), ["part", "piece"]);
  assert.deepEqual(names(await kc.roles.getCompositeRoles({ id, search: "pie" })), ["piece"]);
  assert.deepEqual(names(await kc.roles.getCompositeRolesForRealm({ id })), ["part"]);
  assert.deepEqual(names(await kc.roles.getCompositeRolesForClient({ id, clientId })), ["piece"]);
  assert.equal((await kc.roles.findOneById({ id })).composite, true);
  await kc.roles.delCompositeRoles({ id }, [part]);
  assert.deepEqual(names(await kc.roles.getCompositeRoles({ id })), ["piece"]);

  const user = await person(kc, "having");
  await kc.users.addRealmRoleMappings({ id: user, roles: [whole] });
  assert.deepEqual(names(await kc.roles.findUsersWithRole({ name: "whole" }), "username"), ["having"]);
  await kc.clients.updateRole({ id: clientId, roleName: "piece" }, { name: "bit" });
  assert.deepEqual(names(await kc.clients.listRoles({ id: clientId })), ["bit"]);
  assert.deepEqual(await kc.clients.findUsersWithRole({ id: clientId, roleName: "bit" }), []);
  await kc.clients.delRole({ id: clientId, roleName: "bit" });
  assert.equal(await kc.clients.findRole({ id: clientId, roleName: "bit" }), null);
});
