// A day's work of an expert on one page that is never loaded anew: whatever clients, the front desk and the clock do is
// on it by itself, and at the end bell, inbox, agenda and counts say what the server says.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { BEHIND, call, close, freeSlots, live, nothingWrong, person, settled, signIn, until } from "./support/browser.js";
import { morning } from "./support/branch.js";

after(close);

/** It is morning, so that no midnight comes between what the story does. */
const ZONE = morning();
const SECRET = "a-long-day-of-work";
const HOUR = 3_600_000;
/** How far ahead something is put that begins now: it has to be there before. */
const SOON_MS = 6000;

/** Somebody new, so that nobody else's test has a part in the day. */
async function newcomer(name) {
  const email = `${name.toLowerCase().replace(/\W+/g, ".")}.${Date.now()}@day.test`;
  const { status, body } = await call("POST", "/auth/register", { body: { email, password: SECRET, name, time_zone: ZONE, locale: "en" } });
  assert.equal(status, 201, JSON.stringify(body));
  return { email, name, id: body.user.id, token: body.access_token };
}

/** An expert who is there day and night. */
async function newExpert(admin) {
  const expert = await newcomer("Dara Day");
  const made = await call("PATCH", `/admin/users/${expert.id}`, { token: admin, body: { role: "expert" } });
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const { body: session } = await call("POST", "/auth/login", { body: { email: expert.email, password: SECRET } });
  const { body: before } = await call("GET", `/experts/${expert.id}/schedule`, { token: session.access_token });
  const weekly = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].map((weekday) => ({ weekday, from: "00:00", until: "24:00" }));
  const booking_rules = { ...before.booking_rules, minutes: [30], interval_minutes: 30, min_notice_minutes: 0 };
  const put = await call("PUT", `/experts/${expert.id}/schedule`, { token: session.access_token, body: { time_zone: ZONE, weekly, booking_rules } });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  return expert;
}

const dateOf = (at) => new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(new Date(at));
const hourOf = (at) => Number(new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit" }).format(new Date(at)));

/** Pages of a list, put together. */
async function all(path, token) {
  const items = [];
  for (let next = null; ; ) {
    const { status, body } = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=100${next ? `&after=${encodeURIComponent(next)}` : ""}`, { token });
    assert.equal(status, 200, JSON.stringify(body));
    items.push(...body.items);
    next = body.next;
    if (!next) return items;
  }
}

test("a day's work of an expert, without a reload", async (t) => {
  const { access_token: frontDesk } = await signIn("admin@belfry.test");
  const expert = await newExpert(frontDesk);
  const clients = [];
  for (const name of ["Ann Early", "Ben Later", "Cam Never"]) clients.push(await newcomer(name));
  const [ann, ben, cam] = clients;
  const free = (await freeSlots(expert.id, { minutes: 30 })).filter(({ starts_at: at }) => hourOf(at) >= 8 && hourOf(at) < 18);
  const book = async (client, note) => {
    const slot = free.shift();
    const { status, body } = await call("POST", "/bookings", { token: client.token, body: { expert_id: expert.id, starts_at: slot.starts_at, minutes: 30, mode: "online", note } });
    assert.equal(status, 201, JSON.stringify(body));
    return body;
  };
  const ask = async (token, id, verb, body = {}) => {
    const answer = await call("POST", `/bookings/${id}/${verb}`, { token, body });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body;
  };
  const statusIs = async (id, wanted) => assert.equal((await call("GET", `/bookings/${id}`, { token: frontDesk })).body.status, wanted);
  /** What happened, in order; each line was seen on the page. */
  const day = [];
  const did = (what) => void day.push(what);

  const desk = await person(expert.email, { password: SECRET });
  const page = await desk.tab("/live");
  let loads = 0;
  page.on("load", () => loads++);
  await live(page);
  await page.evaluate(() => void (/** @type {any} */ (window).theSamePage = "all day"));

  const request = (booking) => page.locator(`.request[data-booking="${booking.id}"]`);
  const unread = async () => (await call("GET", "/notifications/unread-count", { token: desk.session.access_token })).body.unread;
  const onBell = async () => Number(await page.locator(".bell").evaluate((bell) => bell.querySelector(".count")?.textContent ?? "0"));
  /** Waits until the bell says what the server counts, and that is at least so many. */
  const bell = (least) => until("the bell is right", async () => {
    const counted = await unread();
    return counted >= least && counted === (await onBell());
  });
  const clicked = (verb) => page.waitForResponse((one) => one.url().endsWith(`/${verb}`) && one.request().method() === "POST" && one.ok(), BEHIND);
  const goTo = async (href) => {
    await page.locator(`nav.side a[href="${href}"]`).click();
    await page.waitForURL(`**${href}`);
    await settled(page);
  };

  const one = await book(ann, "The first of the day");
  await request(one).getByText("New").waitFor();
  await bell(1);
  did("a request arrives");

  let sent = clicked("confirm");
  await request(one).getByRole("button", { name: "Confirm" }).click();
  await request(one).waitFor({ state: "detached" });
  await sent;
  await statusIs(one.id, "confirmed");
  did("it is confirmed");

  const two = await book(ben, "May I come?");
  await request(two).getByRole("button", { name: "Confirm" }).click();
  const toast = page.locator(".toast", { hasText: ben.name });
  await toast.getByRole("button", { name: "Undo" }).click();
  await request(two).waitFor();
  await statusIs(two.id, "pending");
  did("a confirmation is taken back");

  await request(two).getByRole("button", { name: "Reject" }).click();
  await request(two).getByLabel("Reason").fill("I am away on that day.");
  sent = clicked("reject");
  await request(two).getByRole("button", { name: "Reject" }).click();
  await sent;
  assert.equal((await call("GET", `/bookings/${two.id}`, { token: ben.token })).body.reason, "I am away on that day.");
  did("it is rejected with a reason");

  const three = await book(cam, "With my sister");
  await request(three).getByText("With my sister").waitFor();
  const edited = await call("PATCH", `/bookings/${three.id}`, { token: cam.token, body: { note: "With my brother" } });
  assert.equal(edited.status, 200, JSON.stringify(edited.body));
  await request(three).getByText("With my brother").waitFor();
  did("the client edits a request that is on the screen");

  await ask(cam.token, three.id, "cancel");
  await request(three).waitFor({ state: "detached" });
  did("the client calls it off, and it goes");

  const elsewhere = free.shift();
  await ask(ann.token, one.id, "reschedule", { starts_at: elsewhere.starts_at });
  await request(one).waitFor();
  did("a confirmed one that its client moved asks again");
  sent = clicked("confirm");
  await request(one).getByRole("button", { name: "Confirm" }).click();
  await sent;
  did("and is confirmed again");

  const late = await book(cam, "Any time will do");
  await request(late).waitFor();
  const other = free.shift();
  await ask(frontDesk, late.id, "reschedule", { starts_at: other.starts_at });
  await request(late).locator(`time[datetime="${other.starts_at}"]`).waitFor();
  did("the front desk moves a request, and it shows its new time");
  await ask(frontDesk, late.id, "reject", { reason: "The room is taken." });
  await request(late).waitFor({ state: "detached" });
  did("and declines it");

  // An hour and seconds from now: the reminder is due when the seconds are over.
  const soon = await book(ben, "Remind us");
  sent = clicked("confirm");
  await request(soon).getByRole("button", { name: "Confirm" }).click();
  await sent;
  const before = await unread();
  await ask(frontDesk, soon.id, "reschedule", { starts_at: new Date(Date.now() + HOUR + SOON_MS).toISOString(), minutes: 1 });
  await page.locator(`.day-list a[href="/bookings/${soon.id}"]`).waitFor();
  did("one is moved by the front desk to the next hour");
  await page.waitForFunction((n) => Number(document.querySelector(".bell .count")?.textContent ?? "0") >= n + 2, before, BEHIND);
  await page.locator(".bell > button").click();
  await page.locator(".bell-list .news-icon.reminder").first().waitFor();
  await page.keyboard.press("Escape");
  did("its reminder rings the bell");

  const saved = page.waitForResponse((response) => response.url().endsWith("/presence") && response.ok());
  await page.getByRole("button", { name: "Busy" }).click();
  await saved;
  assert.equal((await call("GET", `/experts/${expert.id}`)).body.presence, "busy");
  did("presence is set to busy");

  // One begins while its page is open.
  const begins = await book(ann, "On the dot");
  sent = clicked("confirm");
  await request(begins).getByRole("button", { name: "Confirm" }).click();
  await sent;
  await goTo("/bookings");
  await page.locator(`a[href="/bookings/${begins.id}"]`).click();
  await page.getByRole("heading", { level: 1, name: ann.name }).waitFor();
  await settled(page);
  assert.equal(await page.locator('[data-verb="complete"]').count(), 0, "it cannot be over before it began");
  await ask(frontDesk, begins.id, "reschedule", { starts_at: new Date(Date.now() + SOON_MS).toISOString(), minutes: 1 });
  await page.locator('[data-verb="complete"]').click(BEHIND);
  sent = clicked("complete");
  await page.locator("dialog").getByRole("button", { name: "Mark as completed" }).click();
  await sent;
  await page.locator(".page-head .badge.completed").waitFor();
  did("one begins while its page is open, and is completed there");

  const reviewed = await call("POST", `/bookings/${begins.id}/review`, { token: ann.token, body: { stars: 5, text: "On time." } });
  assert.equal(reviewed.status, 201, JSON.stringify(reviewed.body));
  await page.getByText("On time.").waitFor();
  did("its client reviews it");

  await goTo("/agenda");
  await live(page);
  const weekOf = (date) => new Date(Date.parse(`${date}T00:00:00Z`) - ((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7) * 24 * HOUR).toISOString().slice(0, 10);
  const [thisWeek, lastWeek] = [weekOf(dateOf(Date.now())), weekOf(dateOf(free[6].starts_at))];
  const weeks = (Date.parse(lastWeek) - Date.parse(thisWeek)) / (7 * 24 * HOUR);
  const turnTo = async (date) => {
    const today = page.getByRole("button", { name: "Today", exact: true });
    if (await today.isEnabled()) await today.click();
    for (let n = (Date.parse(weekOf(date)) - Date.parse(thisWeek)) / (7 * 24 * HOUR); n > 0; n--) await page.getByRole("button", { name: "Later" }).click();
    await settled(page);
  };
  const onAgenda = (booking) => page.locator(".agenda-event", { hasText: booking.client.name }).filter({ hasText: timeOf(booking.starts_at) });
  const timeOf = (at) => new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" }).format(new Date(at));
  await turnTo(dateOf(free[0].starts_at));
  const four = await book(ben, "Into the agenda");
  await onAgenda(four).first().waitFor();
  did("a new one appears on the open agenda");

  await page.getByRole("button", { name: "Block time" }).click();
  const dialog = page.locator("dialog");
  const blocked = free.splice(0, 2);
  await dialog.getByLabel("From").fill(`${dateOf(blocked[0].starts_at)}T${timeOf(blocked[0].starts_at)}`);
  await dialog.getByLabel("Until").fill(`${dateOf(blocked[1].ends_at)}T${timeOf(blocked[1].ends_at)}`);
  await dialog.getByLabel(/^Reason/).fill("Lunch");
  await dialog.getByRole("button", { name: "Block time" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.locator(".agenda-event.off", { hasText: "Lunch" }).waitFor();
  did("time is blocked");

  await onAgenda(four).first().locator("button").click();
  await page.getByRole("heading", { level: 1, name: ben.name }).waitFor();
  await page.locator('[data-verb="confirm"]').click();
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await page.locator(".page-head .badge.confirmed").waitFor();
  did("it is confirmed on its own page");

  await page.locator('[data-verb="cancel"]').click();
  await dialog.getByLabel(/^Reason/).fill("The house has no heating.");
  await dialog.getByRole("button", { name: "Cancel the booking" }).click();
  await page.locator(".page-head .badge.cancelled").waitFor();
  did("and called off by the expert");

  // One that was missed by its client.
  const absent = await book(cam, "I shall not come");
  await page.goBack();
  await page.waitForURL("**/agenda**");
  await settled(page);
  await turnTo(dateOf(absent.starts_at));
  await onAgenda(absent).first().locator("button").click();
  await page.locator('[data-verb="confirm"]').click();
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await page.locator(".page-head .badge.confirmed").waitFor();
  await ask(frontDesk, absent.id, "reschedule", { starts_at: new Date(Date.now() + SOON_MS).toISOString(), minutes: 1 });
  await page.locator('[data-verb="miss"]').click(BEHIND);
  await dialog.getByRole("button", { name: "Mark as missed" }).click();
  await page.locator(".page-head .badge.missed").waitFor();
  did("one whose client did not come is marked as missed");

  await goTo("/live");
  const last = await book(ann, "Two to leave open");
  await request(last).waitFor();
  const veryLast = await book(ben, "Until tomorrow");
  await request(veryLast).waitFor();
  did("two more arrive and stay open");

  // The evening: what the page says is what the server says.
  const token = desk.session.access_token;
  // The house tells of things after they happened; the bell is read once it has told of the last.
  const inBox = async () => (await all("/notifications", token)).some(({ data }) => data?.booking_id === veryLast.id);
  await until("the last of the day was told of", inBox);
  await bell(1);
  const pending = (await all(`/bookings?expert_id=${expert.id}&status=pending`, token)).map(({ id }) => id);
  assert.deepEqual((await page.locator(".request").evaluateAll((rows) => rows.map((row) => /** @type {any} */ (row).dataset.booking))).sort(), pending.sort());
  assert.deepEqual(pending.sort(), [last.id, veryLast.id].sort());
  assert.equal(await page.locator("#requests .soft").textContent(), String(pending.length));
  const todays = (await all(`/experts/${expert.id}/agenda?from=${dateOf(Date.now())}&days=1`, token)).filter(({ status }) => status === "confirmed" || status === "pending");
  assert.equal(await page.locator(".day-list > li").count(), todays.length);

  await page.locator(".bell > button").click();
  await page.locator(".bell-list .news").first().waitFor();
  const newest = (await call("GET", "/notifications?limit=10", { token })).body.items;
  assert.deepEqual(await titles(page.locator(".bell-list .news-title")), newest.map(({ title }) => title));
  await page.locator(".bell-list .popover-foot").click();
  await page.waitForURL("**/notifications");
  await settled(page);
  const inbox = await all("/notifications", token);
  // A connection that was lost meanwhile has the list begin anew.
  await until("all of it is shown", async () => {
    const more = page.getByRole("button", { name: "Show more" });
    if (await more.isVisible()) await more.click({ timeout: 1000 }).catch(() => {});
    return (await page.locator("main .news").count()) === inbox.length;
  });
  assert.deepEqual(await titles(page.locator("main .news-title")), inbox.map(({ title }) => title));
  assert.equal(await page.locator("main .news.unread").count(), await unread());
  await page.getByRole("button", { name: "Mark all as read" }).click();
  await bell(0);
  assert.equal(await unread(), 0);
  did("everything is read");

  await goTo("/agenda");
  const kept = (await all(`/experts/${expert.id}/agenda?from=${thisWeek}&days=${7 * (weeks + 1)}`, token)).filter(({ status }) => status !== "cancelled" && status !== "rejected");
  for (let week = 0; week <= weeks; week++) {
    const monday = new Date(Date.parse(thisWeek) + week * 7 * 24 * HOUR).toISOString().slice(0, 10);
    const wanted = kept.filter(({ starts_at: at }) => weekOf(dateOf(at)) === monday).map((booking) => `${timeOf(booking.starts_at)} ${booking.client.name}`);
    await page.waitForFunction(
      (lines) => [...document.querySelectorAll(".agenda-event:not(.off) .agenda-open")].map((one) => `${one.querySelector(".agenda-time")?.textContent} ${one.querySelector(".agenda-title")?.textContent}`).sort().join("\n") === lines,
      wanted.sort().join("\n"),
    );
    if (weekOf(dateOf(blocked[0].starts_at)) === monday) await page.locator(".agenda-event.off", { hasText: "Lunch" }).waitFor();
    if (week < weeks) await page.getByRole("button", { name: "Later" }).click();
  }
  did("the agenda holds what the server holds");

  assert.equal(await page.evaluate(() => /** @type {any} */ (window).theSamePage), "all day");
  assert.equal(loads, 0, "the page was loaded again");
  assert.ok(day.length >= 20, `${day.length} events`);
  t.diagnostic(`${day.length} events on one page: ${day.join("; ")}`);
  nothingWrong(desk.complaints);
  await desk.end();
});

const titles = async (locator) => locator.evaluateAll((rows) => rows.map((row) => [...row.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.textContent).join("").trim()));
