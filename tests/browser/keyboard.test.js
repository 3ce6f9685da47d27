// A booking by keyboard alone.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { close, freeSlots, nothingWrong, person, settled } from "./support/browser.js";
import { SECRET, newClient, ownExpert } from "./support/branch.js";

after(close);

const focused = (page) => page.evaluate(() => ({ at: document.activeElement?.dataset.at, date: document.activeElement?.dataset.date }));

test("arrow keys walk the days and the slots, Enter picks, and there is one tab stop each", async () => {
  const expert = await ownExpert("Kay Keys");
  const client = await person((await newClient("Tab Stops")).email, { password: SECRET });
  // A day in the midst of its month that can be booked, and so can the day before it: the month shows both.
  const slot = (await freeSlots(expert.id, { after: 72 * 3_600_000 })).find(({ starts_at: at }) => Number(at.slice(8, 10)) > 2 && Number(at.slice(8, 10)) < 28);
  const page = await client.tab(`/experts/${expert.id}?date=${slot.starts_at.slice(0, 10)}`);
  await page.locator(".slots .slot").first().waitFor();
  assert.equal(await page.locator('.month [data-date][tabindex="0"]').count(), 1);
  assert.equal(await page.locator('.slots [data-at][tabindex="0"]').count(), 1);

  await page.locator('.month [data-date][tabindex="0"]').focus();
  const start = (await focused(page)).date;
  assert.equal(start, slot.starts_at.slice(0, 10));
  await page.keyboard.press("ArrowLeft");
  assert.ok((await focused(page)).date < start);
  await page.keyboard.press("ArrowRight");
  assert.equal((await focused(page)).date, start);

  await page.keyboard.press("Tab");
  const all = await page.locator(".slots [data-at]").evaluateAll((slots) => slots.map((slot) => slot.dataset.at));
  assert.equal((await focused(page)).at, all[0]);
  await page.keyboard.press("ArrowRight");
  assert.equal((await focused(page)).at, all[1] ?? all[0]);
  await page.keyboard.press("End");
  assert.equal((await focused(page)).at, all.at(-1));
  await page.keyboard.press("Home");
  assert.equal((await focused(page)).at, all[0]);
  await page.keyboard.press("ArrowDown");
  const below = (await focused(page)).at;
  const tops = await page.locator(".slots [data-at]").evaluateAll((slots) => Object.fromEntries(slots.map((slot) => [slot.dataset.at, slot.getBoundingClientRect().top])));
  if (Object.values(tops).some((top) => top > tops[all[0]])) assert.ok(tops[below] > tops[all[0]], "down goes down");

  await page.keyboard.press("Enter");
  await page.locator(".hold-clock").waitFor();
  await page.getByRole("button", { name: "Other times" }).focus();
  await page.keyboard.press("Enter");
  await settled(page);
  await page.locator(".slots .slot").first().waitFor();

  // The skip link is the first stop, and a dialog gives the focus back.
  await page.reload();
  await settled(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  nothingWrong(client.complaints);
  await client.end();
});
