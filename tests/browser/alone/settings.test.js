// The settings of the house: what an administrator sets is on everybody's pages, and what the operator set is shown.
// For a while nobody can sign up or book without an account here, so no other story is told meanwhile.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, nothingWrong, open, person, settled, signIn } from "../support/browser.js";
import { ownExpert } from "../support/branch.js";

after(close);

const ADMIN = "admin@belfry.test";

test("name, contact and doors are set on one page and seen on others", async (t) => {
  const expert = await ownExpert("Elma Elm");
  const { access_token: token } = await signIn(ADMIN);
  const { body: before } = await call("GET", "/admin/settings", { token });
  t.after(() => call("PUT", "/admin/settings", { token, body: before }));
  const desk = await person(ADMIN, { expect: [422, 412] });
  const page = await desk.tab("/admin/settings");
  await page.getByLabel("Name", { exact: true }).fill("The Elm House");
  await page.getByLabel(/^Where people turn/).fill("help@elm.test");
  await page.getByLabel("Minutes before the start").fill("60, soon");
  await page.getByRole("button", { name: "Save" }).click();
  // What is wrong is said where it stands, and what was typed stays.
  await page.locator('input[name="reminders"][aria-invalid="true"]').waitFor();
  assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "The Elm House");
  await page.getByLabel("Minutes before the start").fill("60, 1440");
  await page.getByText(/^Both sides are reminded/).waitFor();
  await page.getByLabel("People may open accounts by themselves").uncheck();
  await page.getByLabel("People may book without an account").uncheck();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The settings are saved").waitFor();
  await page.locator(".brand", { hasText: "The Elm House" }).waitFor();
  const { body: after } = await call("GET", "/admin/settings", { token });
  assert.deepEqual([after.name, after.contact, after.reminder_offsets_minutes, after.registration, after.guest_bookings], ["The Elm House", "help@elm.test", [60, 1440], false, false]);

  const visitor = await person(null);
  const door = await visitor.tab("/login");
  await door.locator(".brand", { hasText: "The Elm House" }).waitFor();
  assert.match(await door.title(), /The Elm House$/);
  assert.equal(await door.locator("footer a").getAttribute("href"), "mailto:help@elm.test");
  assert.equal(await door.getByRole("link", { name: "Create an account" }).count(), 0);
  await open(door, "/register");
  await door.getByText("Accounts are not opened here").waitFor();
  const [slot] = await freeSlots(expert.id);
  await open(door, `/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}`);
  await door.getByText("Sign in to book this time.").waitFor();
  assert.equal(await door.getByRole("button", { name: /Ask for this time|Book this time/ }).count(), 0);

  // Somebody else has saved in the meantime: nothing is written over.
  await call("PUT", "/admin/settings", { token, body: { ...after, name: "Elm Two" } });
  await page.getByLabel("Name", { exact: true }).fill("Elm Three");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody else has saved other settings").waitFor();
  await page.getByRole("button", { name: "Show the newest" }).click();
  await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.querySelector('input[name="name"]'))?.value === "Elm Two");
  nothingWrong(visitor.complaints, desk.complaints);
  await Promise.all([desk.end(), visitor.end()]);
});

test("what the operator configured is shown with where it comes from, secrets apart", async () => {
  const desk = await person(ADMIN);
  const page = await desk.tab("/admin/settings");
  await page.locator("summary", { hasText: "[limits]" }).click();
  const line = page.locator(".configured[open] .facts > div", { hasText: "enabled" });
  await line.getByText("From the environment").waitFor();
  await line.getByText("BELFRY_LIMITS__ENABLED").waitFor();
  await settled(page);
  nothingWrong(desk.complaints);
  await desk.end();
});
