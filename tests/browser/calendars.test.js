// Calendars outside and in: the feed, other calendars, public holidays, and why a time is not free.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import test, { after } from "node:test";
import { BASE, axe, call, close, freeSlots, nothingWrong, person, settled } from "./support/browser.js";
import { SECRET, newClient, ownExpert } from "./support/branch.js";

after(close);

/** An expert by day, so that there are hours outside theirs. */
const byDay = (name) => ownExpert(name, { hours: { from: "08:00", until: "18:00" } });
const addDays = (date, days) => new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);

test("a feed is made, read by a program, changed and ended", async () => {
  const client = await person((await newClient("Fee Feeds")).email, { password: SECRET });
  await client.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: BASE });
  const page = await client.tab("/me");
  const card = page.locator('section[aria-labelledby="feed"]');
  await card.getByRole("button", { name: "Make a secret address" }).click();
  const field = card.getByLabel("Secret address");
  await field.waitFor();
  const first = await field.inputValue();
  await card.getByRole("button", { name: "Copy the address" }).click();
  await page.locator(".toast.good").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), first);
  const path = (url) => BASE + new URL(url).pathname;
  const file = await fetch(path(first));
  assert.equal(file.status, 200);
  assert.match(await file.text(), /^BEGIN:VCALENDAR\r\n/);
  await card.getByRole("button", { name: "Make a new address" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/stop getting news/).waitFor();
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole("button", { name: "Make a new address" }).click();
  await dialog.waitFor({ state: "detached" });
  const second = await field.inputValue();
  assert.notEqual(second, first);
  assert.equal((await fetch(path(first))).status, 404);
  assert.deepEqual(await axe(page), []);
  await card.getByRole("button", { name: "Stop", exact: true }).click();
  await dialog.getByRole("button", { name: "Stop", exact: true }).click();
  await card.getByRole("button", { name: "Make a secret address" }).waitFor();
  assert.equal((await fetch(path(second))).status, 404);
  nothingWrong(client.complaints);
  await client.end();
});

test("another calendar takes its busy time from the slots, says what it cannot read, and goes again", async (t) => {
  const expert = await byDay("Ima Imports");
  const desk = await person(expert.email, { expect: [422], password: SECRET });
  const token = desk.session.access_token;
  const [slot] = await freeSlots(expert.id, { after: 72 * 3_600_000 });
  const stamp = (at) => new Date(at).toISOString().replace(/[-:]|\.\d+/g, "");
  let answer = [200, `BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:${stamp(slot.starts_at)}\r\nDTEND:${stamp(slot.ends_at)}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n`];
  const server = createServer((_, response) => response.writeHead(answer[0]).end(answer[1])).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  t.after(() => server.close());
  const page = await desk.tab("/schedule");
  const card = page.locator('section[aria-labelledby="imports"]');
  await card.getByText("No other calendar is read yet.").waitFor();
  await card.getByRole("button", { name: "Add a calendar" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What you call it").fill("Private");
  await dialog.getByLabel("Address", { exact: true }).fill("https://10.0.0.1/calendar.ics");
  assert.deepEqual(await axe(page), []);
  await dialog.getByRole("button", { name: "Add a calendar" }).click();
  await dialog.locator('[aria-invalid="true"]').waitFor();
  await dialog.getByLabel("Address", { exact: true }).fill(`http://127.0.0.1:${server.address().port}/calendar.ics`);
  await dialog.getByRole("button", { name: "Add a calendar" }).click();
  await dialog.waitFor({ state: "detached" });
  await card.getByText("1 event").waitFor();
  const free = async () => (await freeSlots(expert.id, { after: 72 * 3_600_000 })).map((one) => one.starts_at);
  assert.ok(!(await free()).includes(slot.starts_at));

  // The day says why.
  const zone = (await call("GET", `/experts/${expert.id}/schedule`, { token })).body.time_zone;
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(slot.starts_at));
  const why = page.locator('section[aria-labelledby="why"]');
  await why.getByLabel("Day").fill(day);
  await why.getByText("Busy in another calendar of yours").first().waitFor();

  answer = [404, ""];
  await card.getByRole("button", { name: "Read Private now" }).click();
  await card.getByText("There is nothing at this address any more.").waitFor();
  assert.deepEqual(await axe(page), []);
  assert.ok(!(await free()).includes(slot.starts_at), "what was read before still counts");
  await card.getByRole("button", { name: "Remove Private" }).click();
  await card.getByText("No other calendar is read yet.").waitFor();
  assert.ok((await free()).includes(slot.starts_at));
  nothingWrong(desk.complaints);
  await desk.end();
});

test("public holidays are closed by choice, and worked by choice", async () => {
  const expert = await byDay("Hol Holiday");
  const desk = await person(expert.email, { password: SECRET });
  const token = desk.session.access_token;
  const page = await desk.tab("/schedule");
  const card = page.locator('section[aria-labelledby="holidays"]');
  await card.getByLabel("Take the holidays of").selectOption("JP");
  await card.locator("[data-holiday]").first().waitFor();
  const { weekly } = (await call("GET", `/experts/${expert.id}/schedule`, { token })).body;
  const works = new Set(weekly.map((one) => one.weekday));
  const { days } = (await call("GET", `/experts/${expert.id}/holidays`, { token })).body;
  const weekday = (date) => ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"][new Date(`${date}T00:00:00Z`).getUTCDay()];
  const holiday = days.find((one) => works.has(weekday(one.date)));
  const more = card.getByRole("button", { name: /^Show \d+ more/ });
  if (await more.count()) await more.click();
  const row = card.locator(`[data-holiday="${holiday.date}"]`);
  const missing = async () => {
    const { body } = await call("GET", `/experts/${expert.id}/slots/explain?date=${holiday.date}`, { token });
    return body.slots.filter((one) => one.missing === "holiday").length;
  };
  const horizon = expert.booking_rules.horizon_days * 86_400_000;
  const near = Date.parse(holiday.date) < Date.now() + horizon - 86_400_000;
  if (near) assert.ok((await missing()) > 0);
  await row.getByRole("button", { name: /^Work that day/ }).click();
  await row.getByRole("button", { name: /^You work/ }).waitFor();
  assert.equal(await missing(), 0);
  assert.deepEqual(await axe(page), []);
  await row.getByRole("button").click();
  await row.getByRole("button", { name: /^Work that day/ }).waitFor();
  await card.getByLabel("Take the holidays of").selectOption("");
  await row.waitFor({ state: "detached" });
  nothingWrong(desk.complaints);
  await desk.end();
});

test("why a time is not free is told in words, hours together", async () => {
  const expert = await byDay("Win Why");
  const desk = await person(expert.email, { password: SECRET });
  const page = await desk.tab("/schedule");
  const why = page.locator('section[aria-labelledby="why"]');
  await why.locator(".reason").first().waitFor();
  const [slot] = await freeSlots(expert.id);
  await why.getByLabel("Day").fill(slot.starts_at.slice(0, 10));
  await settled(page);
  await why.locator('[data-missing="free"]').first().waitFor();
  await why.getByText("Outside your hours").first().waitFor();
  await why.getByLabel("Day").fill(addDays(slot.starts_at.slice(0, 10), 1000));
  await why.getByText("Too far ahead for your rules").waitFor();
  for (const width of [360, 768, 1280]) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${width}`);
  }
  nothingWrong(desk.complaints);
  await desk.end();
});
