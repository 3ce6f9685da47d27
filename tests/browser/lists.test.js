// What a list shows is the answer to what was asked last, from the moment it was asked.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { close, nothingWrong, person, settled } from "./support/browser.js";

after(close);

test("rows that answer an older question are gone before anybody can press them", async () => {
  const visitor = await person(null);
  const page = await visitor.tab("/");
  const cards = page.locator(".cards > li");
  await cards.nth(3).waitFor();
  // Before the next frame is drawn: whoever presses then would press a row that goes from under the finger.
  const left = await page.evaluate(async () => {
    /** @type {HTMLElement} */ (document.querySelector('.chips .chip[aria-pressed="false"]')).click();
    await Promise.resolve();
    await new Promise((done) => queueMicrotask(() => done(null)));
    return [document.querySelectorAll(".cards > li").length, document.querySelectorAll(".skeleton").length];
  });
  assert.deepEqual(left, [0, 1]);
  await settled(page);
  await cards.first().waitFor();
  nothingWrong(visitor.complaints);
  await visitor.end();
});
