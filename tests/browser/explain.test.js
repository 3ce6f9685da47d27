// Why somebody was told, or was not: found by booking, read gate by gate.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, nothingWrong, open, person, settled, signIn, until } from "./support/browser.js";
import { booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const ADMIN = "admin@belfry.test";
const asAdmin = async (path) => call("GET", path, { token: (await signIn(ADMIN)).access_token });

test("from a booking to every gate and attempt, for those who were told and those who were not", async () => {
  const expert = await ownExpert("Exa Explained");
  const user = await newClient("Ulla Untold");
  const [slot] = await freeSlots(expert.id);
  const booking = await booked(user.token, { expert_id: expert.id, starts_at: slot.starts_at });
  await until("planned", async () => {
    const { body } = await asAdmin(`/admin/events?type=booking.created&subject=booking/${booking.id}`);
    const [event] = body.items;
    if (!event?.planned_at) return false;
    const { body: why } = await asAdmin(`/admin/explain?event_id=${event.id}&user_id=${user.id}`);
    return why.deliveries.length > 0 && why.deliveries.every((one) => one.status === "sent" || one.status === "kept");
  });

  const desk = await person(ADMIN);
  const page = await desk.tab(`/bookings/${booking.id}`);
  await page.getByRole("link", { name: "Who was told, and why" }).click();
  await settled(page);
  const row = page.locator(".table-row", { hasText: "Booking asked for" });
  await row.getByRole("button", { name: user.name }).click();
  await settled(page);
  await page.locator(".verdict", { hasText: `${user.name} was told: 1 message left.` }).waitFor();
  const decision = page.locator(".decision", { hasText: "booking.created.client" });
  await decision.locator(".gate.open", { hasText: "The condition is met: yes" }).waitFor();
  // Mail left; by the other ways nobody is told of what they did themselves.
  const way = (name) => page.locator(".decision .way", { has: page.locator("strong", { hasText: name }) });
  await way("E-mail").getByText("Leaves at once").waitFor();
  await way("E-mail").locator(".gate.open", { hasText: "Outside the quiet hours" }).waitFor();
  await way("Telegram").locator(".gate.shut", { hasText: "They did it themselves" }).waitFor();
  await decision.locator(".sent .attempts").waitFor();
  // The expert's rule is for this event, too, and says why it did not speak to the client.
  await page.locator("li", { hasText: "booking.created.expert" }).getByText("does not tell this person").waitFor();

  await page.getByRole("button", { name: `See ${expert.name} instead` }).click();
  await settled(page);
  await page.locator(".decision", { hasText: "booking.created.expert" }).waitFor();
  await way("Telegram").locator(".gate.shut", { hasText: "No address is known for this way." }).waitFor();

  // The same by the booking's code, as somebody reads it out on the phone.
  await open(page, "/admin/explain");
  await page.getByLabel("Booking code or subject").fill(booking.code);
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.locator(".table-row", { hasText: booking.code }).first().waitFor();
  await page.getByLabel("Booking code or subject").fill("no such code");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByText("Nothing like that happened").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

test("an event that is gone says so", async () => {
  const { user } = await signIn("client5@belfry.test");
  const desk = await person(ADMIN, { expect: [404] });
  const page = await desk.tab(`/admin/explain?event=0192d3a0-0000-7000-8000-000000000000&user=${user.id}`);
  await page.getByRole("heading", { name: "Nothing here" }).waitFor();
  await page.getByRole("link", { name: "All events" }).click();
  await page.locator(".table-row").first().waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});
