// The bell: counts live, and what is read in one tab is read in all.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, live, nothingWrong, open, person, socketsOf, until } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const count = async (page) => Number((await page.locator(".bell .count").count()) ? await page.locator(".bell .count").textContent() : 0);
const counts = (page, wanted) => page.waitForFunction((n) => (document.querySelector(".bell .count")?.textContent ?? "0") === n, String(wanted));

test("news raises the count in every tab, and reading it in one lowers it in the other", async () => {
  const expert = await ownExpert("Bella Bell");
  const desk = await person(expert.email, { password: SECRET });
  const { token } = await newClient("Rob Rings");

  const [first, second] = [await desk.tab("/"), await desk.tab("/notifications")];
  await Promise.all([live(first), live(second)]);
  assert.equal(await count(first), 0);

  const free = await freeSlots(expert.id);
  for (const slot of [free[0], free.at(-1)]) await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });
  await Promise.all([counts(first, 2), counts(second, 2)]);
  assert.match(await first.title(), /^\(2\) /);
  await second.waitForFunction(() => document.querySelectorAll(".news.unread").length === 2);

  // The drop-down of one tab shows both; the page of the other marks one.
  await first.locator(".bell > button").click();
  await first.locator(".bell-list .news.unread").nth(1).waitFor();
  await second.locator(".news.unread").first().getByRole("button", { name: /^Mark as read/ }).click();
  await Promise.all([counts(first, 1), counts(second, 1)]);
  await first.waitForFunction(() => document.querySelectorAll(".bell-list .news.unread").length === 1);

  await first.getByRole("button", { name: "Mark all as read" }).click();
  await Promise.all([counts(first, 0), counts(second, 0)]);
  await second.waitForFunction(() => document.querySelectorAll(".news.unread").length === 0);

  await open(second, "/notifications?show=unread");
  await second.getByText("Everything is read").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

test("after a drop the page catches up by itself", async () => {
  const expert = await ownExpert("Dropped Dora");
  const desk = await person(expert.email, { password: SECRET });
  const { token } = await newClient("Quiet Quentin");
  // The sockets of this page go through a door that the test can shut.
  const page = await desk.tab();
  const sockets = [];
  let shut = false;
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    if (shut) return void socket.close({ code: 1012 });
    socket.connectToServer();
    sockets.push(socket);
  });
  await open(page, "/bookings");
  await live(page);
  shut = true;
  for (const socket of sockets) await socket.close({ code: 1012 });
  await page.locator(".connection.reconnecting, .connection.polling").waitFor({ state: "attached" });
  const [slot] = await freeSlots(expert.id);
  const booking = await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });
  shut = false;
  await counts(page, 1);
  await page.locator(`a[href="/bookings/${booking.id}"]`).waitFor();
  await desk.end();
});

test("where no WebSocket passes, the same news comes as a stream", async () => {
  const expert = await ownExpert("Streamed Stella");
  const desk = await person(expert.email, { password: SECRET });
  const { token } = await newClient("Sam Sends");
  const page = await desk.tab();
  await page.routeWebSocket(/\/ws\?/, (socket) => socket.close({ code: 1011 }));
  const stream = page.waitForRequest((request) => request.url().includes("/live/events"));
  await open(page, "/");
  await stream;
  await live(page);
  const [slot] = await freeSlots(expert.id);
  await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });
  await counts(page, 1);
  await desk.end();
});

test("the inbox can be read from its oldest entry on, and what comes in meanwhile is at its end", async () => {
  const expert = await ownExpert("Rope Ringer");
  const { token } = await newClient("Many Times");
  const free = (await freeSlots(expert.id)).filter((_, n) => n % 4 === 0);
  const book = (n) => booked(token, { expert_id: expert.id, starts_at: free[n].starts_at });
  for (let n = 0; n < 12; n++) await book(n);
  const desk = await person(expert.email, { password: SECRET });
  const told = async (sort) => (await call("GET", `/notifications?limit=100&sort=${sort}`, { token: desk.session.access_token })).body.items.map(({ title }) => title);
  await until("twelve were told of", async () => (await told("created_at")).length === 12);
  const page = await desk.tab();
  const sockets = await socketsOf(page);
  await open(page, "/notifications");
  await live(page);
  const shown = () => page.locator("main .news-title").evaluateAll((all) => all.map((one) => one.lastChild?.textContent));
  assert.deepEqual(await shown(), (await told("-created_at")).slice(0, 10));
  await page.getByRole("button", { name: "Oldest first" }).click();
  await page.locator('button[aria-pressed="true"]', { hasText: "Oldest first" }).waitFor();
  await until("the oldest ones are shown", async () => JSON.stringify(await shown()) === JSON.stringify((await told("created_at")).slice(0, 10)));
  assert.equal(new URL(page.url()).searchParams.get("sort"), "created_at");
  // While older ones are still to come, a new one has no place yet.
  await book(12);
  await counts(page, 13);
  assert.equal((await shown()).length, 10);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.locator("main .news").nth(12).waitFor();
  await book(13);
  await page.locator("main .news").nth(13).waitFor();
  assert.deepEqual(await shown(), await told("created_at"));
  // After a drop all of it is read again, and nothing goes from under the reader's eyes.
  const reread = page.waitForResponse((response) => response.url().includes("/notifications?") && !response.url().includes("after="));
  for (const socket of sockets) await socket.close({ code: 1012 });
  await reread;
  await live(page);
  await page.waitForFunction(() => document.querySelectorAll("main .news").length >= 14);
  assert.deepEqual(await shown(), await told("created_at"));
  nothingWrong(desk.complaints);
  await desk.end();
});
