// Booking without an account: from a free time to the code, the link that manages it, and what becomes of it.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, call, close, freeSlots, nothingWrong, open, person, signIn, until } from "./support/browser.js";
import { booked, ownExpert } from "./support/branch.js";

after(close);

/** The newest mail to an address, as administrators see it, once it is there. */
async function mailTo(address, kind) {
  const { access_token: token } = await signIn("admin@belfry.test");
  const { id } = await until(`${kind} to ${address}`, async () => {
    const { body } = await call("GET", `/admin/deliveries?query=${encodeURIComponent(address)}&limit=100`, { token });
    return body.items?.find((one) => one.kind === kind);
  });
  return (await call("GET", `/admin/deliveries/${id}`, { token })).body;
}

test("a visitor books without an account on a phone, and the mailed link moves and cancels", async () => {
  const expert = await ownExpert("Gita Guests");
  const minutes = expert.booking_rules.minutes[0];
  const address = `gia.${Date.now()}@guests.test`;
  const [slot] = await freeSlots(expert.id, { minutes });
  const visitor = await person(null, { width: 360, expect: [422, 404] });
  const page = await visitor.tab(`/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}&minutes=${minutes}`);
  const found = [];
  const look = async (name) => {
    for (const violation of await axe(page)) found.push(`${name}: ${violation}`);
  };
  await page.getByText("You have an account?").waitFor();
  await page.getByLabel("Name").fill("Gia Guest");
  await page.getByLabel("E-mail").fill("not an address");
  const send = page.getByRole("button", { name: /this time$/ });
  await send.click();
  await page.locator("[aria-invalid=true]").waitFor();
  await look("refused");
  await page.getByLabel("E-mail").fill(address);
  await page.getByLabel("Phone").fill("+84 912 345 678");
  await send.click();
  await page.waitForURL(/\/b\/.+booked=1/);
  const code = (await page.locator(".booked-code .code").textContent()).trim();
  assert.match(code, /^\d{6}$/);
  await look("booked");

  // The link in the mail opens the same booking, in any browser.
  const mail = await mailTo(address, "booking.created");
  const path = new URL(/https?:\S+\/b\/[\w.-]+/.exec(mail.text)[0]).pathname;
  const elsewhere = await person(null, { width: 768, expect: [404] });
  const link = await elsewhere.tab(path);
  await link.getByText(code).waitFor();
  await link.locator("[data-verb=reschedule]").click();
  const dialog = link.getByRole("dialog");
  await dialog.locator(".slots [data-at]").first().click();
  await dialog.getByRole("button", { name: "Move" }).click();
  await dialog.waitFor({ state: "detached" });
  const [download] = await Promise.all([link.waitForEvent("download"), link.getByRole("button", { name: /calendar/i }).click()]);
  assert.equal(download.suggestedFilename(), `booking-${code}.ics`);
  await link.locator("[data-verb=cancel]").click();
  await link.getByRole("dialog").getByLabel("Reason").fill("Found another day.");
  await link.getByRole("dialog").getByRole("button", { name: "Cancel the booking" }).click();
  await link.locator(".badge.cancelled").waitFor();
  await link.getByText("Found another day.").first().waitFor();
  for (const violation of await axe(link)) found.push(`cancelled: ${violation}`);

  // What was tampered with opens nothing and says what to do.
  await open(link, `${path}x`);
  await link.getByRole("link", { name: "Look up a booking" }).first().waitFor();
  for (const violation of await axe(link)) found.push(`ended: ${violation}`);
  nothingWrong(found, visitor.complaints, elsewhere.complaints);
  await visitor.end();
  await elsewhere.end();
});

test("of two visitors the slower is offered the nearest free times and keeps what was typed", async () => {
  const expert = await ownExpert("Rita Rival");
  const minutes = expert.booking_rules.minutes[0];
  const [slot] = await freeSlots(expert.id, { minutes });
  const visitor = await person(null, { expect: [409] });
  const page = await visitor.tab(`/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}&minutes=${minutes}`);
  await page.getByLabel("Name").fill("Slow Guest");
  await page.getByLabel("E-mail").fill("slow@guests.test");
  await booked(undefined, { expert_id: expert.id, starts_at: slot.starts_at, minutes, guest: { name: "Fast Guest", email: "fast@guests.test" } });
  await page.getByRole("button", { name: /this time$/ }).click();
  await page.getByText("Somebody was faster").waitFor();
  await page.locator("[data-alternative]").first().click();
  assert.equal(await page.getByLabel("Name").inputValue(), "Slow Guest");
  await page.getByRole("button", { name: /this time$/ }).click();
  await page.waitForURL(/\/b\/.+booked=1/);
  nothingWrong(visitor.complaints);
  await visitor.end();
});
