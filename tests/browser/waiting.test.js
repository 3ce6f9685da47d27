// Waiting lists: somebody joins on the expert's page, hears of a place that comes free without a reload, takes it or
// leaves it to the next (C3.11).
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { BEHIND, call, close, expertOf, live, nothingWrong, open, person } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const DAY_MS = 24 * 3_600_000;

/** A day that the expert opens for one hour alone, far enough away that nobody else meets it. */
async function oneHour(expert, token, ahead) {
  const date = new Date(Date.now() + ahead * DAY_MS).toISOString().slice(0, 10);
  const put = await call("PUT", `/experts/${expert.id}/overrides/${date}`, { token, body: { intervals: [{ from: "10:00", until: "11:00" }] } });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  const { body } = await call("GET", `/experts/${expert.id}/slots?from=${date}&days=1`);
  return { date, slot: body.days[0].slots[0] };
}

test("a full day, a place on the list, an offer with its clock, and a booking", async () => {
  const expert = await ownExpert("Willa Waits");
  const desk = await person(expert.email, { password: SECRET });
  const token = desk.session.access_token;
  const minutes = expert.booking_rules.minutes[0];
  const { date, slot } = await oneHour(expert, token, 40);
  assert.ok(slot, "the day has a time");
  const { token: first } = await newClient("Fritz First");
  const taken = await booked(first, { expert_id: expert.id, starts_at: slot.starts_at, minutes });

  const waits = await person((await newClient("Wes Waits")).email, { width: 360, password: SECRET });
  const page = await waits.tab(`/experts/${expert.id}?date=${date}`);
  const full = page.getByText("No free times left on this day");
  if (!(await full.isVisible())) {
    // Another length may still fit; the day that was opened has one hour.
    await page.locator(`[data-date="${date}"]`).click();
  }
  await page.getByRole("button", { name: "Wait for a place" }).first().click();
  const dialog = page.getByRole("dialog");
  assert.equal(await dialog.getByLabel("From day").inputValue(), date);
  await dialog.getByLabel(/^Note/).fill("my knee");
  await dialog.getByRole("button", { name: "Join the waiting list" }).click();
  await page.waitForURL(/\/waiting/);
  await page.getByText("You are on the list.").waitFor();
  const row = page.locator("[data-waiting]").filter({ hasText: expert.name }).first();
  await row.getByText("waiting", { exact: true }).waitFor();
  await live(page);

  // Nothing is reloaded: the expert calls the booking off, and the offer stands on the page, its clock running.
  const cancelled = await call("POST", `/bookings/${taken.id}/cancel`, { token, body: { reason: "ill" } });
  assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body));
  await row.getByText("offered", { exact: true }).waitFor(BEHIND);
  await row.getByRole("timer").waitFor();
  const visitor = await call("GET", `/experts/${expert.id}/slots?from=${date}&days=1`);
  assert.deepEqual(visitor.body.days[0].slots, [], "it is held for them alone");
  await row.getByRole("button", { name: "Take this place" }).click();
  await page.waitForURL(/\/bookings\/.*booked=1/);
  await open(page, "/waiting?when=past");
  await page.locator("[data-waiting]").filter({ hasText: "booked" }).first().waitFor();

  // The expert sees who waits.
  const other = await oneHour(expert, token, 41);
  const block = await call("PUT", `/experts/${expert.id}/overrides/${other.date}`, { token, body: { intervals: [] } });
  assert.equal(block.status, 200);
  const body = { from: other.date, mode: "online" };
  const joined = await call("POST", `/experts/${expert.id}/waiting-list`, { token: first, body });
  assert.equal(joined.status, 201, JSON.stringify(joined.body));
  const seen = await desk.tab("/waiting");
  await live(seen);
  const line = seen.locator(`[data-waiting="${joined.body.id}"]`);
  await line.getByRole("button", { name: "Take off the list" }).click();
  await line.waitFor({ state: "detached" });
  nothingWrong([], [...waits.complaints, ...desk.complaints]);
  await Promise.all([waits.end(), desk.end()]);
});

test("whoever is not signed in signs in first and comes back to the form", async () => {
  const expert = await expertOf("expert2@belfry.test");
  const visitor = await person(null);
  const page = await visitor.tab(`/experts/${expert.id}`);
  await page.getByRole("button", { name: "Wait for a place" }).first().click();
  await page.waitForURL(/\/login\?next=/);
  await page.getByLabel("E-mail").fill("client7@belfry.test");
  await page.getByLabel("Password", { exact: true }).fill("belfry-demo-2026");
  await page.locator("form button.primary").click();
  await page.getByRole("dialog", { name: "Wait for a place" }).waitFor();
  nothingWrong([], visitor.complaints);
  await visitor.end();
});
