// Two people want one slot.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { close, freeSlots, live, nothingWrong, open, person, settled } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const client = async (name, options) => person((await newClient(name)).email, { password: SECRET, ...options });
const address = (expert, slot, minutes) => `/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}&minutes=${minutes}`;

test("a slot that somebody holds vanishes from the other's open page, and comes back when it is released", async () => {
  const expert = await ownExpert("Hilda Held");
  const minutes = expert.booking_rules.minutes[0];
  const [slot] = await freeSlots(expert.id, { minutes });
  const [one, other] = await Promise.all([client("Ona One"), client("Otis Other")]);
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
  const expert = await ownExpert("Rhea Race");
  const minutes = expert.booking_rules.minutes[0];
  const [slot] = await freeSlots(expert.id, { minutes, after: 72 * 3_600_000 });
  const slow = await client("Sloan Slow", { expect: [409] });
  const { token: fast } = await newClient("Fay Fast");
  await booked(fast, { expert_id: expert.id, starts_at: slot.starts_at, minutes });

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
  await slow.end();
});
