// Looks at a page as people with and without eyes, hands and big screens meet it.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
const WIDTHS = [320, 1280];
const COLOURS = ["light", "dark"];

/** Where the pictures of the pages go: SCREENSHOTS, or a folder beside the system's temporary files. */
export const SCREENSHOTS = process.env.SCREENSHOTS ?? join(tmpdir(), "realmkeep-pages");
mkdirSync(SCREENSHOTS, { recursive: true });

/** Checks the page that a tab shows, light and dark, narrow and wide, and takes its pictures. */
export async function look(tab, name) {
  assert.equal(await tab.evaluate(() => document.documentElement.lang), "en", name);
  const titles = await tab.evaluate(() => [document.title, ...[...document.querySelectorAll("h1")].map((one) => one.textContent)]);
  assert.equal(titles.length, 2, `${name}: one title and one heading: ${titles}`);
  for (const one of titles) assert.notEqual(one.trim(), "", name);
  await tabs(tab, name);
  await tab.evaluate(AXE);
  for (const width of WIDTHS)
    for (const colorScheme of COLOURS) {
      const where = `${name}, ${colorScheme}, ${width} px`;
      await tab.setViewportSize({ width, height: 800 });
      await tab.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const wide = await tab.evaluate(() => document.scrollingElement.scrollWidth);
      assert.ok(wide <= width, `${where}: it is ${wide} px wide`);
      await tab.screenshot({ path: join(SCREENSHOTS, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      const found = await tab.evaluate(() => axe.run({ resultTypes: ["violations"] }));
      const grave = found.violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
      const said = grave.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n  ")}`);
      assert.deepEqual(said, [], `${where}:\n${said.join("\n")}`);
    }
}

/** Goes through the page with the tabulator: all that can be used is reached, in the order of the page, and is seen to be. */
async function tabs(tab, name) {
  // The browser gives a page's field its focus when it first draws the page: after that, so that it comes in between nothing.
  await tab.waitForLoadState("load");
  await tab.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  const wanted = await tab.evaluate(() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")];
    // Of the radio buttons of a group one is reached, the others by arrows.
    const groups = new Set();
    const radios = ({ type, name, checked }) => type !== "radio" || checked || (!document.querySelector(`[name="${name}"]:checked`) && !groups.has(name) && groups.add(name));
    window.usable = all.filter((one) => !one.disabled && one.type !== "hidden" && one.checkVisibility() && radios(one));
    window.before = document.activeElement;
    // The next tabulator starts at the top.
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    return usable.length;
  });
  for (let place = 0; place < wanted; place++) {
    await tab.keyboard.press("Tab");
    const at = await tab.evaluate(() => {
      const one = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      const { top, bottom } = one.getBoundingClientRect();
      return {
        place: usable.indexOf(one),
        html: one.outerHTML.slice(0, 200),
        seen: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && bottom > 0 && top < innerHeight,
      };
    });
    assert.equal(at.place, place, `${name}: the tabulator reaches ${at.html}`);
    assert.ok(at.seen, `${name}: it is not seen that this is reached: ${at.html}`);
  }
  await tab.evaluate(() => (before === document.body ? document.activeElement.blur() : before.focus()));
}

/** Somebody who has only a keyboard. */
export class Keyboard {
  constructor(tab) {
    this.tab = tab;
  }

  /** Goes on until the thing that `selector` names is reached. */
  async reach(selector) {
    for (let presses = 0; presses < 60; presses++) {
      if (await this.tab.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
      await this.tab.keyboard.press("Tab");
    }
    assert.fail(`${selector} is not reached at ${this.tab.url()}`);
  }

  async type(selector, text) {
    await this.reach(selector);
    await this.tab.keyboard.press("Control+A");
    await this.tab.keyboard.type(text);
  }

  async tick(selector) {
    await this.reach(selector);
    await this.tab.keyboard.press("Space");
  }

  /** Presses Enter, here or at what `selector` names, and waits for the page that comes. */
  async enter(selector) {
    if (selector) await this.reach(selector);
    const loaded = this.tab.waitForEvent("load");
    await this.tab.keyboard.press("Enter");
    await loaded;
  }
}
