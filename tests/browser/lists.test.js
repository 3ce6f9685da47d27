// What a list shows is the answer to what was asked last, from the moment it was asked.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, live, nothingWrong, open, person, settled, socketsOf, until } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

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

test("more that is asked for while a list is read again is not lost", async () => {
  const expert = await ownExpert("Mora More");
  const { token } = await newClient("Ten Andtwo");
  const free = (await freeSlots(expert.id)).filter((_, n) => n % 4 === 0);
  for (const { starts_at } of free.slice(0, 12)) await booked(token, { expert_id: expert.id, starts_at });
  const desk = await person(expert.email, { password: SECRET });
  await until("twelve were told of", async () => (await call("GET", "/notifications?limit=100", { token: desk.session.access_token })).body.items.length === 12);
  const page = await desk.tab();
  const sockets = await socketsOf(page);
  await open(page, "/notifications");
  await live(page);
  const rows = page.locator("main .news");
  assert.equal(await rows.count(), 10);
  // A drop has the list read again, which takes its time.
  let answer = () => {};
  const held = new Promise((next) => void (answer = () => next(null)));
  let asked = () => {};
  const rereads = new Promise((next) => void (asked = () => next(null)));
  await page.route(/\/notifications\?(?!.*after=)/, async (route) => {
    asked();
    await held;
    await route.continue();
  });
  for (const socket of sockets) await socket.close({ code: 1012 });
  await rereads;
  await page.getByRole("button", { name: "Show more" }).click();
  await rows.nth(11).waitFor();
  const reread = page.waitForResponse((response) => response.url().includes("/notifications?") && !response.url().includes("after="));
  answer();
  await reread;
  await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))));
  await rows.nth(11).waitFor();
  assert.equal(await rows.count(), 12);
  nothingWrong(desk.complaints);
  await desk.end();
});
