// Components and keys, events and admin events.

import assert from "node:assert/strict";
import test from "node:test";
import { has, login, names, person, realmOfThisFile, refused } from "./support.mjs";

const { kc, realm } = await realmOfThisFile();
const KEYS = "org.keycloak.keys.KeyProvider";

test("a key of higher priority takes over until it goes", async () => {
  const before = (await kc.realms.getKeys({ realm })).active.RS256;
  const parentId = (await kc.realms.findOne({ realm })).id;
  const key = (name, providerId, config) => ({ name, providerId, providerType: KEYS, parentId, config });
  const { id } = await kc.components.create(key("newer", "rsa-generated", { priority: ["200"] }));
  const keys = await kc.realms.getKeys({ realm });
  assert.notEqual(keys.active.RS256, before);
  assert.equal(keys.keys.find(({ kid }) => kid === keys.active.RS256).providerId, id);
  const component = await kc.components.findOne({ id });
  assert.deepEqual(component.config.priority, ["200"]);
  await kc.components.update({ id }, { ...component, config: { ...component.config, priority: ["1"] } });
  assert.equal((await kc.realms.getKeys({ realm })).active.RS256, before);
  has(names(await kc.components.find({ type: KEYS }), "name"), "newer", "rsa-generated");
  assert.deepEqual(names(await kc.components.find({ type: KEYS, name: "newer" }), "id"), [id]);
  assert.ok((await kc.components.find({ parent: parentId, type: KEYS })).length >= 5);
  await kc.components.del({ id });
  assert.equal(await kc.components.findOne({ id }), null);
  await refused(kc.components.del({ id }), 404, /"Could not find component"/);
  await refused(
    kc.components.create(key("odd", "rsa-generated", { priority: ["x"] })),
    400,
    /'Priority' should be a number/,
  );
  await refused(
    kc.components.create(key("odd", "nosuch", {})),
    400,
    /Invalid provider type or no such provider/,
  );
});

test("logins are recorded, found and cleared", async () => {
  assert.equal((await kc.realms.getConfigEvents({ realm })).eventsEnabled, false);
  await kc.realms.updateConfigEvents(
    { realm },
    {
      eventsEnabled: true,
      adminEventsEnabled: true,
      adminEventsDetailsEnabled: true,
      eventsListeners: ["jboss-logging"],
    },
  );
  const config = await kc.realms.getConfigEvents({ realm });
  assert.deepEqual(
    [config.eventsEnabled, config.adminEventsEnabled, config.eventsListeners],
    [true, true, ["jboss-logging"]],
  );

  await kc.realms.clearAdminEvents({ realm });
  const user = await person(kc, "seen");
  await login(realm, { username: "seen" });
  await assert.rejects(login(realm, { username: "seen", password: "wrong" }));
  const [failure, success] = await kc.realms.findEvents({ realm });
  assert.deepEqual([failure.type, failure.error], ["LOGIN_ERROR", "invalid_user_credentials"]);
  assert.deepEqual([success.type, success.userId, success.clientId], ["LOGIN", user, "admin-cli"]);
  assert.deepEqual(names(await kc.realms.findEvents({ realm, type: ["LOGIN"] }), "type"), ["LOGIN"]);
  assert.equal((await kc.realms.findEvents({ realm, max: 1 })).length, 1);
  await kc.realms.clearEvents({ realm });
  assert.deepEqual(await kc.realms.findEvents({ realm }), []);

  const [event] = await kc.realms.findAdminEvents({
    realm,
    operationTypes: ["CREATE"],
    resourceTypes: ["USER"],
  });
  assert.equal(event.resourcePath, `users/${user}`);
  assert.equal(JSON.parse(event.representation).username, "seen");
  assert.deepEqual(await kc.realms.findAdminEvents({ realm, operationTypes: ["DELETE"] }), []);
  await kc.realms.clearAdminEvents({ realm });
  assert.deepEqual(await kc.realms.findAdminEvents({ realm, resourceTypes: ["USER"] }), []);
  await refused(
    kc.realms.updateConfigEvents({ realm }, { eventsListeners: ["nosuch"] }),
    400,
    /Unknown event listener/,
  );
});
