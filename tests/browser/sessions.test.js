// Group sessions: an expert offers one, people take its seats before each other's eyes, wait for one, and hear of a new
// time; and whoever has no account has a seat, too (C3.11).
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { BEHIND, call, close, live, nothingWrong, person } from "./support/browser.js";
import { SECRET, newClient, ownExpert } from "./support/branch.js";

after(close);

test("a session is offered, its seats vanish live, and a full one is waited for", async () => {
  const expert = await ownExpert("Sena Session", { hours: { from: "08:00", until: "18:00" } });
  const desk = await person(expert.email, { password: SECRET });
  const seen = await desk.tab("/sessions");
  await live(seen);
  const title = `Breathing together ${Date.now()}`;
  await seen.getByRole("button", { name: "Offer a session" }).click();
  const form = seen.getByRole("dialog", { name: "Offer a session" });
  await form.getByLabel("Title").fill(title);
  const date = new Date(Date.now() + 45 * 24 * 3_600_000).toISOString().slice(0, 10);
  await form.getByLabel("Starts").fill(`${date}T21:00`);
  await form.getByLabel("Seats").fill("2");
  await form.getByRole("button", { name: "In person" }).click();
  await form.getByLabel(/^Where|^Place/).fill("The small hall");
  await form.getByRole("button", { name: "Offer a session" }).click();
  const row = seen.locator("[data-session]").filter({ hasText: title });
  await row.getByText("2 of 2 seats left").waitFor();

  const first = await person((await newClient("Fern First")).email, { width: 360, password: SECRET });
  const second = await person((await newClient("Sven Second")).email, { password: SECRET });
  const mine = await first.tab(`/experts/${expert.id}`);
  const theirs = await second.tab(`/experts/${expert.id}`);
  await Promise.all([live(mine), live(theirs)]);
  const line = (page) => page.locator("[data-session]").filter({ hasText: title });
  await line(mine).getByRole("button", { name: "Take a seat" }).click();
  const dialog = mine.getByRole("dialog", { name: title });
  await dialog.getByLabel(/^Note/).fill("left-handed");
  await dialog.getByRole("button", { name: "Take a seat" }).click();
  await mine.waitForURL(/\/bookings\/.*booked=1/);
  await mine.getByText(title).first().waitFor();
  const booking = new URL(mine.url()).pathname.split("/").pop();
  // Nothing is reloaded: the others see the seat go.
  await line(theirs).getByText("1 of 2 seats left").waitFor();
  await row.getByText("1 of 2 seats left").waitFor();

  // A guest has the other one.
  const guest = await person(null);
  const stranger = await guest.tab(`/experts/${expert.id}`);
  await line(stranger).getByRole("button", { name: "Take a seat" }).click();
  const asked = stranger.getByRole("dialog", { name: title });
  await asked.getByLabel("Name").fill("Gia Guest");
  await asked.getByLabel("E-mail").fill(`gia-${Date.now()}@guests.test`);
  await asked.getByRole("button", { name: "Take a seat" }).click();
  await stranger.waitForURL(/\/b\/.*booked=1/);
  await line(theirs).getByText("Full").waitFor();

  await line(theirs).getByRole("button", { name: "Wait for a seat" }).click();
  await theirs.getByRole("dialog", { name: title }).getByRole("button", { name: "Join the waiting list" }).click();
  await theirs.waitForURL(/\/waiting/);
  const place = theirs.locator("[data-waiting]").filter({ hasText: title });
  await place.getByText("waiting", { exact: true }).waitFor();

  // The expert sees who comes and moves it; those who come are told, on the page they have open.
  await row.getByRole("button", { name: "Who comes" }).click();
  await row.getByText("left-handed").waitFor();
  await row.getByRole("button", { name: "Edit" }).click();
  const edit = seen.getByRole("dialog", { name: "Change the session" });
  await edit.getByLabel("Starts").fill(`${date}T21:30`);
  await edit.getByRole("button", { name: "Save" }).click();
  await edit.waitFor({ state: "detached" });
  await mine.getByText("moved", { exact: false }).first().waitFor(BEHIND);

  // One gives their seat back, and it is the other's, who waited.
  const token = first.session.access_token;
  const cancelled = await call("POST", `/bookings/${booking}/cancel`, { token, body: {} });
  assert.equal(cancelled.status, 200, JSON.stringify(cancelled.body));
  await place.getByRole("button", { name: "Take this place" }).click(BEHIND);
  await theirs.waitForURL(/\/bookings\/.*booked=1/);

  // Called off, with a reason that everybody reads.
  await row.getByRole("button", { name: "Call it off" }).click();
  const off = seen.getByRole("dialog", { name: "Call it off" });
  await off.getByLabel(/^Reason/).fill("The hall is flooded.");
  await off.getByRole("button", { name: "Call it off" }).click();
  await row.waitFor({ state: "detached" });
  await theirs.getByText("The hall is flooded.").first().waitFor(BEHIND);
  nothingWrong([], [...desk.complaints, ...first.complaints, ...second.complaints, ...guest.complaints]);
  await Promise.all([desk.end(), first.end(), second.end(), guest.end()]);
});
