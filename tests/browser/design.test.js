// The design page has every part there is, in its states, and changes nothing.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import test, { after } from "node:test";
import { close, nothingWrong, person, settled, until } from "./support/browser.js";

after(close);

const PARTS = readdirSync(join(import.meta.dirname, "../../static/js/parts"))
  .filter((name) => name.endsWith(".js"))
  .map((name) => name.replace(".js", ""));

test("every part in static/js/parts is on the design page, drawn", async () => {
  const admin = await person("admin@belfry.test");
  const page = await admin.tab("/design");
  await page.locator(".specimen").first().waitFor();
  const shown = await page.locator(".specimen").evaluateAll((all) => all.map((one) => /** @type {HTMLElement} */ (one).dataset.part));
  assert.deepEqual(shown.toSorted(), PARTS.toSorted(), "a part without a specimen: add it to static/js/specimens");
  for (const name of PARTS) {
    const bare = () => page.locator(`[data-part="${name}"] .specimen-state > div`).evaluateAll((all) => all.filter((one) => !one.childElementCount).length);
    // A house without a bot shows nothing of it, and whoever signs in by password alone has no other way. The others
    // may have to read first.
    if (!["telegram_card", "sign_ins"].includes(name)) await until(`${name} shows something`, async () => (await bare()) === 0);
  }
  nothingWrong(admin.complaints);
  await admin.end();
});

test("what parts read hangs, is nothing, or fails, as the page is told", async () => {
  const admin = await person("admin@belfry.test", { expect: [503] });
  const page = await admin.tab("/design");
  await page.locator(".specimen").first().waitFor();
  const part = (name) => page.locator(`[data-part="${name}"]`);
  const face = async (words, name) => {
    await page.getByRole("group", { name: "What parts find when they read" }).getByRole("button", { name: words }).click();
    await page.locator(`.specimens[data-face="${name}"]`).waitFor();
  };
  await face("Loading", "loading");
  for (const name of ["providers", "slot_picker", "webhook_log", "desk"]) await part(name).locator(".skeleton").first().waitFor();
  await face("Failed", "failed");
  for (const name of ["providers", "webhook_log", "desk"]) await part(name).getByRole("alert").first().waitFor();
  await face("Empty", "empty");
  await part("desk").locator(".state").waitFor();
  await face("Full", "full");
  await part("desk").getByRole("combobox").waitFor();
  nothingWrong(admin.complaints);
  await admin.end();
});

test("nothing that is pressed there reaches the house", async () => {
  const admin = await person("admin@belfry.test");
  const page = await admin.tab("/design");
  await page.locator(".specimen").first().waitFor();
  const sent = [];
  page.on("request", (request) => {
    if (request.method() !== "GET" && !/\/(auth|live)\//.test(request.url())) sent.push(`${request.method()} ${request.url()}`);
  });
  await page.locator('[data-part="presence_switch"]').getByRole("button", { name: "Busy" }).click();
  await page.getByText("This page changes nothing.").first().waitFor();
  await page.locator('[data-part="booking_actions"]').getByRole("button", { name: "Confirm", exact: true }).click();
  await page.locator("dialog").getByRole("button", { name: "Confirm" }).click();
  await page.locator("dialog").getByText("This page changes nothing.").waitFor();
  await page.keyboard.press("Escape");
  await page.locator('[data-part="toasts"]').getByRole("button", { name: "With a way back" }).click();
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await page.getByText("It was taken back").waitFor();
  await page.getByRole("group", { name: "Colours" }).first().getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  assert.deepEqual(sent, []);
  // Back on another page, the house is spoken to as ever.
  await page.locator('nav.side a[href="/bookings"]').click();
  await page.waitForURL("**/bookings");
  await settled(page);
  nothingWrong(admin.complaints);
  await admin.end();
});
