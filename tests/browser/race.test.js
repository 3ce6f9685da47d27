// Two people want one slot.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, expertOf, freeSlots, live, nothingWrong, open, person, settled } from "./support/browser.js";

after(close);

const address = (expert, slot, minutes) => `/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}&minutes=${minutes}`;

test("a slot that somebody holds vanishes from the other's open page, and comes back when it is released", async () => {
  const expert = await expertOf("expert2@belfry.test");
  const minutes = expert.booking_rules.minutes[0];
  const [slot] = await freeSlots(expert.id, { minutes });
  const [one, other] = await Promise.all([person("client1@belfry.test"), person("client2@belfry.test")]);
  const watching = await other.tab(`/experts/${expert.id}?minutes=${minutes}`);
  await live(watching);
  const zone = await watching.locator(".picker select").inputValue();
  const date = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(slot.starts_at));
  if (!(await watching.locator(`.month [data-date="${date}"]`).count())) await watching.getByRole("button", { name: "Next month" }).click();
  await watching.locator(`.month [data-date="${date}"].free`).click();
  const seen = watching.locator(`.slots [data-at="${slot.starts_at}"]`);
  await seen.waitFor();

  const holding = await one.tab(address(expert, slot, minutes));
  await holding.locator(".hold-clock").waitFor();
  await seen.waitFor({ state: "detached" });
  await holding.getByRole("button", { name: "Other times" }).click();
  await seen.waitFor();

  nothingWrong(one.complaints, other.complaints);
  await Promise.all([one.end(), other.end()]);
});

test("the slower of two is offered the nearest free times, and takes one of them", async () => {
  const expert = await expertOf("expert2@belfry.test");
  const minutes = expert.booking_rules.minutes[0];
  const [slot] = await freeSlots(expert.id, { minutes, after: 72 * 3_600_000 });
  const [fast, slow] = await Promise.all([person("client3@belfry.test"), person("client4@belfry.test", { expect: [409] })]);
  const booked = await call("POST", "/bookings", {
    token: fast.session.access_token,
    body: { expert_id: expert.id, starts_at: slot.starts_at, minutes, mode: "online" },
  });
  assert.equal(booked.status, 201, JSON.stringify(booked.body));

  // A link to the very slot, opened too late.
  const page = await slow.tab();
  await open(page, address(expert, slot, minutes));
  await page.getByText("Somebody was faster").waitFor();
  const choices = page.locator("[data-alternative]");
  assert.equal(await choices.count(), 3);
  await choices.first().click();
  await page.locator(".hold-clock").waitFor();
  await page.getByRole("button", { name: /Ask for this time|Book this time/ }).click();
  await page.waitForURL(/booked=1/);
  await settled(page);

  nothingWrong(slow.complaints);
  await Promise.all([fast.end(), slow.end()]);
});
