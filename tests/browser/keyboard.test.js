// A booking by keyboard alone.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { close, expertOf, nothingWrong, person, settled } from "./support/browser.js";

after(close);

const focused = (page) => page.evaluate(() => ({ at: document.activeElement?.dataset.at, date: document.activeElement?.dataset.date }));

test("arrow keys walk the days and the slots, Enter picks, and there is one tab stop each", async () => {
  const expert = await expertOf("expert8@belfry.test");
  const client = await person("client3@belfry.test");
  const page = await client.tab(`/experts/${expert.id}`);
  await page.locator(".slots .slot").first().waitFor();
  assert.equal(await page.locator('.month [data-date][tabindex="0"]').count(), 1);
  assert.equal(await page.locator('.slots [data-at][tabindex="0"]').count(), 1);

  await page.locator('.month [data-date][tabindex="0"]').focus();
  const start = (await focused(page)).date;
  const step = start.endsWith("01") ? ["ArrowRight", "ArrowLeft"] : ["ArrowLeft", "ArrowRight"];
  await page.keyboard.press(step[0]);
  assert.notEqual((await focused(page)).date, start);
  await page.keyboard.press(step[1]);
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
