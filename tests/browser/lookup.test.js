// A booking by its code, without an account.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { close, freeSlots, nothingWrong, person } from "./support/browser.js";
import { booked, newClient, ownExpert } from "./support/branch.js";

after(close);

test("code and e-mail find a booking and cancel it; a wrong address finds nothing", async () => {
  const expert = await ownExpert("Lola Looked-for");
  const [slot] = await freeSlots(expert.id);
  const { token, email } = await newClient("Lou Looks");
  const booking = await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });

  const visitor = await person(null, { expect: [404] });
  const page = await visitor.tab("/lookup");
  await page.getByLabel("Booking code").fill(booking.code);
  await page.getByLabel("E-mail or phone").fill("somebody-else@belfry.test");
  await page.getByRole("button", { name: "Look it up" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("E-mail or phone").fill(email);
  await page.getByRole("button", { name: "Look it up" }).click();
  const found = page.locator(".found");
  await found.getByText(expert.name).first().waitFor();
  await found.getByRole("button", { name: "Cancel the booking" }).click();
  await found.getByLabel("Reason").fill("Found another day.");
  await found.getByRole("button", { name: "Cancel the booking" }).click();
  await found.locator(".badge.cancelled").waitFor();
  await found.getByText("Found another day.").waitFor();
  nothingWrong(visitor.complaints);
  await visitor.end();
});
