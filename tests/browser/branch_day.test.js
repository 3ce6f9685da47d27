// The day of a branch on the page that its manager keeps open: what others do is on it by itself, and what needs somebody
// is done in place. Then what the page reckons, for hours that no test can wait for.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { figuresOf, lanesOf, needsOf, shownOf } from "../../static/js/day.js";
import { BEHIND, axe, call, close, live, nothingWrong, open, person, settled, until } from "./support/browser.js";
import { SECRET, morning, newBranch, newClient, newExpert, newManager, tokenOf } from "./support/branch.js";

after(close);

const done = async (method, path, options) => {
  const { status, body } = await call(method, path, options);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
};

/** Somebody of a branch who can be booked from one minute to the next. */
async function readyExpert(branch, name) {
  const expert = await newExpert(branch, name);
  const token = await tokenOf(expert);
  const { version: _, ...schedule } = await done("GET", `/experts/${expert.id}/schedule`, { token });
  const booking_rules = { ...schedule.booking_rules, minutes: [30], interval_minutes: 1, min_notice_minutes: 0, auto_confirm: false };
  await done("PUT", `/experts/${expert.id}/schedule`, { token, body: { time_zone: schedule.time_zone, weekly: schedule.weekly, booking_rules } });
  return { ...expert, token };
}

/** The start of the minute so many from now. */
const minute = (n) => new Date((Math.floor(Date.now() / 60_000) + n) * 60_000).toISOString();
const book = async (client, expert, starts_at, note) => done("POST", "/bookings", { token: client.token, body: { expert_id: expert.id, starts_at, mode: "offline", note } });

test("a manager's day, without a reload", async () => {
  const branch = await newBranch("Day House", { time_zone: morning() });
  const [dara, emil] = [await readyExpert(branch, "Dara Daylong"), await readyExpert(branch, "Emil Evening")];
  const manager = await newManager(branch);
  const [ann, ben, cam, dan] = await Promise.all(["Ann Early", "Ben Later", "Cam Refused", "Dan Soon"].map(newClient));
  const first = await book(ann, dara, minute(120), "My knee, again.");

  const desk = await person(manager.email, { password: SECRET });
  const page = await desk.tab(`/branches/${branch.id}`);
  // What still arrives has not its colours yet.
  await page.emulateMedia({ reducedMotion: "reduce" });
  const found = [];
  const look = async (name) => {
    for (const violation of await axe(page)) found.push(`${name}: ${violation}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${name}: ${wide} px too wide`);
  };
  await page.locator(`main a[href="/branches/${branch.id}/day"]`).click();
  await page.getByRole("heading", { level: 1, name: `Day sheet · ${branch.name}` }).waitFor();
  await settled(page);
  await live(page);
  const lane = (expert) => page.locator(`.lane[data-expert="${expert.id}"]`);
  const entry = (booking) => page.locator(`[data-entry="${booking.id}"]`);
  const need = (booking) => page.locator(`[data-need="${booking.id}"]`);
  const figure = (name, value) => page.locator(`[data-figure="${name}"] strong`).getByText(String(value), { exact: true }).waitFor(BEHIND);

  await lane(dara).locator(`[data-entry="${first.id}"]`).waitFor();
  await lane(emil).getByRole("heading", { name: "Emil Evening" }).waitFor();
  assert.match(await entry(first).textContent(), /Ann Early.*Pending.*My knee, again\./);
  await lane(emil).getByText("Offline").waitFor();
  await figure("booked", 1);
  await figure("pending", 1);
  await page.locator(".lane-now").first().waitFor({ state: "attached" });
  await look("full");

  // What clients and experts do elsewhere is there by itself.
  await done("PUT", `/experts/${emil.id}/presence`, { token: emil.token, body: { presence: "online" } });
  await lane(emil).getByText("Online").waitFor(BEHIND);
  const second = await book(ben, emil, minute(180));
  await lane(emil).locator(`[data-entry="${second.id}"]`).waitFor(BEHIND);
  await need(second).waitFor();
  await page.getByRole("status").filter({ hasText: /^New: \d\d:\d\d, Ben Later with Emil Evening$/ }).waitFor({ state: "attached" });
  await figure("booked", 2);
  await done("POST", `/bookings/${second.id}/confirm`, { token: emil.token });
  await entry(second).filter({ hasText: "Confirmed" }).waitFor(BEHIND);
  await need(second).waitFor({ state: "detached" });

  // It begins while the rest of the day goes on.
  const soon = await book(dan, emil, minute(Date.now() % 60_000 < 30_000 ? 1 : 2), "In a minute.");
  await done("POST", `/bookings/${soon.id}/confirm`, { token: emil.token });

  // Confirmed here, taken back, and confirmed again.
  await need(first).getByRole("button", { name: /^Confirm/ }).click();
  await entry(first).filter({ hasText: "Confirmed" }).waitFor();
  await need(first).waitFor({ state: "detached" });
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await entry(first).filter({ hasText: "Pending" }).waitFor();
  assert.equal((await done("GET", `/bookings/${first.id}`, { token: ann.token })).status, "pending");
  await need(first).getByRole("button", { name: /^Confirm/ }).click();
  await until("it is confirmed", async () => (await done("GET", `/bookings/${first.id}`, { token: ann.token })).status === "confirmed");

  // Refused with a reason, out of what is opened by the keyboard.
  const third = await book(cam, dara, minute(240));
  await entry(third).waitFor(BEHIND);
  await entry(third).focus();
  await page.keyboard.press("Enter");
  const dialog = page.locator("dialog");
  await dialog.getByText("Cam Refused").first().waitFor();
  assert.equal(new URL(page.url()).searchParams.get("open"), third.id);
  await look("opened");
  await dialog.locator('[data-verb="reject"]').click();
  await dialog.getByLabel("Reason").fill("Dara is away then.");
  await dialog.getByRole("button", { name: "Reject", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  await entry(third).filter({ hasText: "Rejected" }).waitFor(BEHIND);
  await figure("booked", 3);
  assert.equal((await done("GET", `/bookings/${third.id}`, { token: cam.token })).reason, "Dara is away then.");

  // Who has come, by the desk's word.
  await entry(first).click();
  await dialog.getByRole("button", { name: /^Check in/ }).click();
  await dialog.getByText("Number 1:").waitFor(BEHIND);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await entry(first).filter({ hasText: "Number 1: Waiting" }).waitFor();
  await figure("line", 1);

  // Time off in the way of a booking is said, with what can be done about it.
  const off = { starts_at: minute(170), ends_at: minute(200), reason: "Dentist" };
  const { id: away } = await done("POST", `/experts/${emil.id}/time-off`, { token: emil.token, body: off });
  await need(second).locator('[data-why="away"]').waitFor(BEHIND);
  await need(second).locator('[data-verb="reschedule"]').waitFor();
  await lane(emil).getByText("Dentist").waitFor();
  await done("DELETE", `/experts/${emil.id}/time-off/${away}`, { token: emil.token });
  await need(second).waitFor({ state: "detached", ...BEHIND });

  // Once it has begun, what came of it can be said, on what may have been open since before.
  await entry(soon).click();
  await dialog.locator('[data-verb="complete"]').click({ timeout: 150_000 });
  await entry(soon).filter({ hasText: "Completed" }).waitFor();
  await figure("completed", 1);

  // Other days, by the address. What was decided before is sent, and the day that is looked at stays.
  await page.getByRole("button", { name: "Next day" }).click();
  await lane(dara).getByText("Nothing booked").waitFor({ state: "attached" });
  const reads = [];
  page.on("request", (request) => /\/branches\/[^/]+\/day/.test(request.url()) && reads.push(new URL(request.url()).searchParams.get("date")));
  await until("it is completed", async () => (await done("GET", `/bookings/${soon.id}`, { token: dan.token })).status === "completed");
  await until("it was read again, because of the answer and of the news", () => reads.length > 1);
  assert.ok(reads.every(Boolean), `another day was read: ${reads}`);
  await lane(dara).getByText("Nothing booked").waitFor({ state: "attached" });
  const date = new URL(page.url()).searchParams.get("date");
  assert.match(date, /^\d{4}-\d\d-\d\d$/);
  await page.reload();
  await settled(page);
  assert.equal(await page.getByLabel("Date").inputValue(), date);
  const closed = { overrides: [{ date, intervals: [] }] };
  await done("PATCH", `/branches/${branch.id}`, { token: await tokenOf(manager), body: closed });
  await page.locator(".state-title", { hasText: "Closed on this day" }).waitFor(BEHIND);
  await look("closed");
  await page.getByRole("button", { name: "Today" }).click();
  await entry(first).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("date"), null);

  // On a phone it is a list for each expert, and on paper nothing is asked.
  await page.setViewportSize({ width: 360, height: 780 });
  await entry(second).scrollIntoViewIfNeeded();
  await look("phone");
  const place = await entry(first).boundingBox();
  assert.ok(place.x >= 0 && place.x + place.width <= 360, JSON.stringify(place));
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("nav.bottom, .page-head .button").filter({ visible: true }).count(), 0);
  assert.ok(await entry(first).isVisible());
  nothingWrong(found, desk.complaints);
  await desk.end();
});

test("another manager's branch is refused, and a branch without anybody says so", async () => {
  const [branch, other] = [await newBranch("Lone House"), await newBranch("Other House")];
  const manager = await newManager(branch);
  const desk = await person(manager.email, { password: SECRET, width: 360 });
  const page = await desk.tab(`/branches/${other.id}/day`);
  await page.getByRole("heading", { name: "Not for this account" }).waitFor();
  assert.equal((await call("GET", `/branches/${other.id}/day`, { token: await tokenOf(manager) })).status, 403);
  await open(page, `/branches/${branch.id}/day`);
  await page.getByText("Nobody works here yet.").waitFor();
  nothingWrong(await axe(page), desk.complaints);
  await desk.end();
});

test("a day that cannot be read says so, and is read again when asked", async () => {
  const branch = await newBranch("Far House");
  const manager = await newManager(branch);
  const desk = await person(manager.email, { password: SECRET, expect: [503] });
  // A date that there is not is nobody's day: today is shown.
  const page = await desk.tab(`/branches/${branch.id}/day?date=2026-02-31`);
  await page.getByText("Nobody works here yet.").waitFor();
  const down = (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ type: "/problems/unavailable", status: 503 }) });
  await page.route(/\/branches\/[^/]+\/day/, down);
  await page.getByLabel("Date").fill("2026-03-02");
  await page.getByRole("alert").waitFor();
  await page.unroute(/\/branches\/[^/]+\/day/);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Nobody works here yet.").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

// What the page reckons.

const at = (clock) => `2026-11-30T${clock}:00Z`;
const ref = (id) => ({ id, name: id });
const sheet = (more = {}) => ({
  branch: ref("b"), time_zone: "UTC", date: "2026-11-30", starts_at: at("00:00"), ends_at: "2026-12-01T00:00:00Z", opening: [{ starts_at: at("08:00"), ends_at: at("18:00") }],
  experts: [{ expert: ref("e"), presence: "online", skills: [], holiday: false, hours: [{ starts_at: at("09:00"), ends_at: at("12:00") }], away: [{ starts_at: at("10:00"), ends_at: at("10:30"), cause: "time_off", reason: null }] }],
  sessions: [], arrivals: [], ...more,
});
const booking = (id, from, until, status = "confirmed", more = {}) => ({ id, status, expert: ref("e"), client: ref(`c${id}`), starts_at: at(from), ends_at: at(until), mode: "offline", session: null, series: null, clock_moved: null, actions: [], ...more });
const needs = (bookings, now, { arrivals = [], checksIn = true } = {}) =>
  needsOf(lanesOf(sheet(), bookings), new Map(arrivals.map((one) => [one.booking_id, one])), Date.parse(at(now)), checksIn).map(({ booking: one, why }) => [one.id, ...why]);

test("what needs somebody depends on the hour, on who came, and on hours and time off", () => {
  const requests = [booking("1", "11:00", "11:30", "pending"), booking("2", "09:00", "09:30"), booking("3", "11:30", "12:00", "cancelled")];
  assert.deepEqual(needs(requests, "08:00"), [["1", "pending"]]);
  assert.deepEqual(needs(requests, "09:04"), [["1", "pending"]]);
  assert.deepEqual(needs(requests, "09:05"), [["1", "pending"], ["2", "late"]]);
  assert.deepEqual(needs(requests, "09:05", { checksIn: false }), [["1", "pending"]]);
  assert.deepEqual(needs(requests, "09:30"), [["1", "pending"], ["2", "over"]]);
  const came = (state) => ({ arrivals: [{ booking_id: "2", visit_id: "v", number: 1, state, came_at: at("08:50") }] });
  assert.deepEqual(needs(requests, "09:10", came("waiting")), [["1", "pending"]]);
  assert.deepEqual(needs(requests, "09:10", came("no_show")), [["1", "pending"], ["2", "gone"]]);
  // Nobody is late for a call.
  assert.deepEqual(needs([booking("4", "09:00", "09:30", "confirmed", { mode: "online" })], "09:20"), []);
  assert.deepEqual(needs([booking("5", "10:15", "10:45"), booking("6", "11:45", "12:15"), booking("7", "10:30", "11:00", "pending")], "08:00"), [["7", "pending"], ["5", "away"], ["6", "outside"]]);
  // What is over is no matter of hours any more.
  assert.deepEqual(needs([booking("5", "10:15", "10:45")], "11:00"), [["5", "over"]]);
});

test("what overlaps stands beside each other, and seats are in their session", () => {
  const session = { id: "s", expert: ref("e"), title: "Yoga", starts_at: at("11:00"), ends_at: at("12:00"), seats: 12, taken: 2 };
  const seat = (id) => booking(id, "11:00", "12:00", "confirmed", { session: { id: "s", title: "Yoga" } });
  const bookings = [booking("1", "09:00", "09:30", "cancelled"), booking("2", "09:00", "10:00"), booking("3", "09:45", "10:15"), booking("4", "10:15", "10:30"), seat("5"), seat("6"), booking("7", "09:00", "09:30", "confirmed", { expert: ref("gone") })];
  const [lane, rest] = lanesOf(sheet({ sessions: [session] }), bookings);
  assert.deepEqual(lane.entries.map(({ id, column, columns }) => [id, column, columns]), [["2", 0, 2], ["1", 1, 2], ["3", 1, 2], ["4", 0, 1], ["s", 0, 1]]);
  assert.deepEqual(lane.entries.at(-1).bookings.map(({ id }) => id), ["5", "6"]);
  // Whoever no longer works there keeps a lane for what was booked.
  assert.deepEqual([rest.expert.id, rest.day, rest.entries.length], ["gone", null, 1]);
  const hour = (ms) => new Date(ms).toISOString().slice(11, 16);
  const shown = (some, more) => Object.values(shownOf(sheet(more), lanesOf(sheet(more), some))).map(hour);
  assert.deepEqual(shown([]), ["08:00", "18:00"]);
  assert.deepEqual(shown([booking("1", "06:40", "07:10"), booking("2", "18:30", "19:30")]), ["06:00", "20:00"]);
  assert.deepEqual(shown([], { opening: null, experts: [] }), ["08:00", "18:00"]);
});

test("the figures of a day count what took time, up to now", () => {
  const bookings = [booking("1", "09:00", "09:30", "completed"), booking("2", "09:15", "09:30", "missed"), booking("3", "11:00", "11:30", "pending"), booking("4", "09:30", "10:00", "cancelled")];
  const figures = (now) => figuresOf(sheet(), lanesOf(sheet(), bookings), Date.parse(now));
  const { used, soFar, ...counted } = figures(at("10:30"));
  assert.deepEqual(counted, { booked: 3, pending: 1, completed: 1, missed: 1 });
  // Half an hour of the one before time off; overlapping time counts once.
  assert.deepEqual([used, soFar], [0.5, true]);
  assert.deepEqual([figures(at("00:00")).used, figures("2026-12-02T00:00:00Z").used], [0.4, 0.4]);
  assert.equal(figures("2026-12-02T00:00:00Z").soFar, false);
  assert.equal(figures(at("09:00")).used, null);
});
