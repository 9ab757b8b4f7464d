// The example of docs/openid-connect.md, run as it is written there, but for the names and the ports.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Browser, Realm, URL_, freePort } from "./support.mjs";

const docs = fileURLToPath(new URL("../../../../docs", import.meta.url));

test("the example of the documentation signs alice in and out", async (t) => {
  const realm = new Realm("example");
  const port = await freePort();
  const home = `http://localhost:${port}`;
  const page = readFileSync(join(docs, "openid-connect.md"), "utf8");
  const commands = [...page.matchAll(/^```sh\n(.*?)^```/gms)].slice(0, 2).map(([, lines]) => lines);
  const script = commands
    .join("")
    .replaceAll("http://localhost:8080", URL_)
    .replaceAll("http://localhost:3000", home)
    .replaceAll("acme", realm.name);
  assert.match(script, /npm ci\n.*node app\.mjs/);

  const folder = mkdtempSync(join(tmpdir(), "example-"));
  cpSync(join(docs, "examples"), join(folder, "docs/examples"), {
    recursive: true,
    filter: (from) => !from.includes("node_modules"),
  });
  const env = { ...process.env, PORT: port, npm_config_prefer_offline: "true" };
  const child = spawn("bash", ["-euc", script], { cwd: folder, env, detached: true });
  let log = "";
  for (const out of [child.stdout, child.stderr]) out.on("data", (text) => (log += text));
  t.after(async () => {
    if (child.exitCode === null) {
      process.kill(-child.pid);
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true });
    await realm.delete();
  });
  for (const until = Date.now() + 60_000; !log.includes(home); await setTimeout(100))
    assert.ok(child.exitCode === null && Date.now() < until, log);

  const browser = new Browser();
  assert.match((await browser.open(home)).text, /Nobody is signed in/);
  const said = await browser.login(`${home}/login`, undefined, "alice", "wonderland");
  assert.equal(said.url.href, `${home}/`);
  assert.match(said.text, /Hello, Alice Example \(alice@example\.org\)/);
  assert.match((await browser.open(home)).text, /Hello, Alice/);
  assert.match((await new Browser().open(home)).text, /Nobody is signed in/);

  const out = await browser.open(`${home}/logout`);
  assert.equal(out.url.href, `${home}/`);
  assert.match(out.text, /Nobody is signed in/);
  const [alice] = await realm.admin("GET", "/users?username=alice");
  assert.deepEqual(await realm.sessions(alice.id), []);

  // Somebody else's answer is not taken.
  const forged = await browser.open(`${home}/callback?code=some&state=some`);
  assert.equal(forged.status, 500);
});
