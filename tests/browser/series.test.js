// Bookings that repeat: looked at before they are booked, chosen one by one where they clash, shown together, answered
// and called off together, before everybody's eyes (C3.11).
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, call, close, freeSlots, live, nothingWrong, open, person, until } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const WEEKS = 4;

test("a series is looked at, chosen where it clashes, booked, answered and called off together", async () => {
  // In the mornings, so that a day begins with the hour at which the series is.
  const expert = await ownExpert("Serena Series", { hours: { from: "06:00", until: "12:00" } });
  const desk = await person(expert.email, { password: SECRET });
  const token = desk.session.access_token;
  const minutes = expert.booking_rules.minutes[0];
  const wall = (at) => new Intl.DateTimeFormat("en-GB", { timeZone: expert.time_zone, weekday: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(at));
  const free = await freeSlots(expert.id, { minutes, days: 40, after: 72 * 3_600_000 });
  const first = free.find(({ starts_at: at }) => wall(at).endsWith("06:00"));
  const starts = free.map(({ starts_at: at }) => at).filter((at) => wall(at) === wall(first.starts_at)).slice(0, WEEKS);
  assert.equal(starts.length, WEEKS);
  const { token: rival } = await newClient("Rob Rival");
  const take = (at) => booked(rival, { expert_id: expert.id, starts_at: at, minutes });
  await take(starts[1]);

  const inbox = await desk.tab("/live");
  await live(inbox);
  const client = await person((await newClient("Wanda Weekly")).email, { width: 360, expect: [409], password: SECRET });
  const page = await client.tab(`/experts/${expert.id}?at=${starts[0]}&minutes=${minutes}`);
  await live(page);
  await page.getByLabel("Repeat").selectOption("week");
  const line = (at) => page.locator(`[data-occurrence="${at}"]`);
  await line(starts[1]).getByText("Taken").waitFor();
  await page.getByText("1 of 4 is not free.").waitFor();
  const send = page.getByRole("button", { name: "Book 4 times" });
  assert.ok(await send.isDisabled(), "nothing is booked that clashes");
  // What is typed wrongly is said at its field, and the server is not asked.
  await page.getByLabel("How many times").fill("1");
  await page.locator(".field", { hasText: "How many times" }).locator(".error").waitFor();
  await page.getByLabel("How many times").fill("4");
  const near = line(starts[1]).locator("[data-alternative]").first();
  const instead = await near.getAttribute("data-alternative");
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    for (const width of [360, 768, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      nothingWrong((await axe(page)).map((fault) => `${scheme} ${width}: ${fault}`));
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${width} px are enough`);
    }
  }
  await near.focus();
  await page.keyboard.press("Enter");
  await line(starts[1]).getByText("instead of").waitFor();
  await page.getByText("4 times, all of them free.").waitFor();
  // Somebody takes one of them meanwhile: the page says so without a reload, and another way is chosen.
  await take(starts[2]);
  await line(starts[2]).getByText("Taken").waitFor();
  await page.getByRole("button", { name: "Leave them out" }).click();
  await page.getByText("3 times, all of them free.").waitFor();
  await page.getByRole("button", { name: "Book 3 times" }).click();
  await page.waitForURL(/\/bookings\/.*booked=1/);
  const series = page.locator("[data-series]");
  await series.getByText("1 of 3").waitFor();
  await series.locator("li").nth(2).waitFor();
  assert.equal(await series.locator("li").count(), 3);
  const id = await series.getAttribute("data-series");
  const { body: made } = await call("GET", `/series/${id}`, { token });
  assert.deepEqual(made.bookings.map((one) => one.starts_at), [starts[0], instead, starts[3]].sort());

  // The expert finds one request and answers all of it.
  const request = inbox.locator(".request").filter({ hasText: "and 2 more times" });
  await request.getByText("New").waitFor();
  assert.equal(await inbox.locator(".request").filter({ hasText: made.client.name }).count(), 1);
  nothingWrong(await axe(inbox));
  await request.getByRole("button", { name: "Confirm all 3" }).click();
  await request.waitFor({ state: "detached" });
  await until("all of it is confirmed", async () => (await series.getByText("Confirmed", { exact: true }).count()) === 3);

  // Together in the list, each by itself; one alone is called off, then the rest of it.
  await open(page, "/bookings");
  const group = page.locator(`.series-group[data-series="${id}"]`);
  await group.getByText("Repeats with").waitFor();
  assert.equal(await group.locator(".booking-row").count(), 3);
  nothingWrong(await axe(page));
  await group.locator(".booking-row a").nth(1).click();
  await page.waitForURL(/\/bookings\/[^?]+$/);
  await page.locator('[data-verb="cancel"]').click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "This and following" }).click();
  await dialog.getByRole("button", { name: "Cancel the booking" }).click();
  await dialog.waitFor({ state: "detached" });
  await until("two are off", async () => (await series.getByText("Cancelled", { exact: true }).count()) === 2);
  nothingWrong(await axe(page));

  // The expert calls off what is left, saying why; the client's open page tells it.
  const rest = await desk.tab(`/bookings/${made.bookings[0].id}`);
  await rest.locator('[data-verb="cancel"]').click();
  const off = rest.getByRole("dialog");
  await off.getByRole("button", { name: "All of the series" }).click();
  await off.getByRole("button", { name: "Cancel the booking" }).click();
  await off.locator(".error").waitFor();
  await off.getByLabel(/^Reason/).fill("The practice moves.");
  await off.getByRole("button", { name: "Cancel the booking" }).click();
  await off.waitFor({ state: "detached" });
  await until("all are off", async () => (await series.getByText("Cancelled", { exact: true }).count()) === 3);
  nothingWrong([], [...desk.complaints, ...client.complaints]);
  await Promise.all([desk.end(), client.end()]);
});

test("the demo has a series, on its card, in its list and in the agenda", async () => {
  const client = await person("client4@belfry.test");
  // Found by its note: all of its times stand together, however much else the client has booked.
  const page = await client.tab("/bookings?query=The+same+hour+every+week");
  const group = page.locator(".series-group").first();
  await group.getByText("Repeats with").waitFor();
  await group.locator(".booking-row a").first().click();
  await page.locator("[data-series] ol li").nth(4).waitFor();
  nothingWrong(client.complaints, await axe(page));
  await client.end();
});
