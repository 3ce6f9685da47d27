// What every page is held to: nothing for axe to say in both themes, no console error, no sideways scroll, on a phone,
// a tablet and a desk. Leaves screenshots in shots/ to be looked at.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import test, { after } from "node:test";
import { axe, call, close, expertOf, freeSlots, nothingWrong, open, person, signIn } from "./support/browser.js";
import { booked, newBranch, newClient, newExpert, ownExpert } from "./support/branch.js";

after(close);

const SHOTS = join(import.meta.dirname, "shots");
mkdirSync(SHOTS, { recursive: true });
const WIDTHS = [360, 768, 1280];

/** Looks at one page in all its sizes and themes. */
async function inspect(page, name, path, found) {
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await open(page, path);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: width < 600 ? 780 : 900 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      // A frame, so that layout and colours have followed.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      // Structure does not depend on the theme, so dark is asked for its colours only.
      for (const violation of await axe(page, colorScheme === "dark" ? ["color-contrast"] : null)) found.push(`${name} ${width} ${colorScheme}: ${violation}`);
      if (width !== 768 || colorScheme === "light") await page.screenshot({ path: join(SHOTS, `${name}-${width}-${colorScheme}.png`) });
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${name} ${width}: ${wide} px too wide`);
  }
}

test("pages of a visitor", async () => {
  const expert = await expertOf("expert1@belfry.test");
  const [slot] = await freeSlots(expert.id);
  const visitor = await person(null, { expect: [404, 410] });
  const page = await visitor.tab();
  const found = [];
  await inspect(page, "experts", "/", found);
  await inspect(page, "experts-none", "/?query=zzzzzz", found);
  await inspect(page, "expert", `/experts/${expert.id}`, found);
  await inspect(page, "book-guest", `/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}`, found);
  const own = await ownExpert("Gita Guests");
  const [free] = await freeSlots(own.id);
  const guest = { name: "Gia Guest", email: `gia-${Date.now()}@guests.test` };
  const booking = await booked(undefined, { expert_id: own.id, starts_at: free.starts_at, guest });
  await inspect(page, "booked-guest", `/b/${booking.manage_token}?booked=1`, found);
  await inspect(page, "booking-guest", `/b/${booking.manage_token}`, found);
  await inspect(page, "booking-guest-ended", "/b/no.such.token", found);
  const [branch] = (await call("GET", "/branches?query=saigon")).body.items;
  await inspect(page, "branches", "/branches", found);
  await inspect(page, "branches-none", "/branches?query=zzzzzz", found);
  await inspect(page, "branch", `/branches/${branch.id}`, found);
  await inspect(page, "branch-failed", "/branches/0192d3a0-0000-7000-8000-000000000000", found);
  await inspect(page, "lookup", "/lookup", found);
  await inspect(page, "login", "/login", found);
  await inspect(page, "register", "/register", found);
  await inspect(page, "forgot", "/forgot", found);
  await inspect(page, "reset", "/reset?token=x", found);
  await inspect(page, "verify", "/verify?token=x", found);
  nothingWrong(found, visitor.complaints);
  await visitor.end();
});

test("pages of a client", async () => {
  const expert = await ownExpert("Paige Pages");
  const [slot] = await freeSlots(expert.id);
  const { access_token: token } = await signIn("client1@belfry.test");
  const mine = (await call("GET", "/bookings?limit=100", { token })).body.items;
  const completed = mine.find((one) => one.status === "completed");
  const coming = mine.findLast((one) => one.actions.includes("cancel"));
  const client = await person("client1@belfry.test", { expect: [404] });
  const page = await client.tab();
  const found = [];
  await inspect(page, "book", `/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}`, found);
  await inspect(page, "bookings", "/bookings", found);
  await inspect(page, "bookings-past", "/bookings?when=past", found);
  await inspect(page, "bookings-none", "/bookings?query=zzzzzz", found);
  await inspect(page, "booking", `/bookings/${coming.id}`, found);
  await inspect(page, "booked", `/bookings/${coming.id}?booked=1`, found);
  await inspect(page, "booking-completed", `/bookings/${completed.id}`, found);
  await inspect(page, "booking-failed", "/bookings/0192d3a0-0000-7000-8000-000000000000", found);
  const host = await expertOf("expert1@belfry.test");
  const { items: sessions } = (await call("GET", `/experts/${host.id}/sessions?days=60`)).body;
  await inspect(page, "sessions-client", `/experts/${host.id}?session=${sessions[0].id}`, found);
  await inspect(page, "waiting", "/waiting", found);
  await inspect(page, "waiting-none", "/waiting?when=past", found);
  await inspect(page, "wait-form", `/experts/${expert.id}?wait=${slot.starts_at.slice(0, 10)}`, found);
  await inspect(page, "notifications", "/notifications", found);
  await inspect(page, "me", "/me", found);
  await inspect(page, "denied", "/admin/people", found);
  nothingWrong(found, client.complaints);
  await client.end();
});

test("pages of an expert", async () => {
  const desk = await person("expert1@belfry.test");
  const page = await desk.tab();
  const found = [];
  await inspect(page, "live", "/live", found);
  for (const view of ["day", "week", "month"]) await inspect(page, `agenda-${view}`, `/agenda?view=${view}`, found);
  await inspect(page, "schedule", "/schedule", found);
  await inspect(page, "sessions", "/sessions", found);
  await inspect(page, "waiting-expert", "/waiting", found);
  await inspect(page, "me-expert", "/me", found);
  nothingWrong(found, desk.complaints);
  await desk.end();
});

test("pages of an administrator", async () => {
  const admin = await person("admin@belfry.test", { expect: [422] });
  const page = await admin.tab();
  const found = [];
  const mails = (await call("GET", "/admin/deliveries?limit=1", { token: admin.session.access_token })).body.items;
  await inspect(page, "outbox", "/admin/outbox", found);
  await inspect(page, "outbox-open", `/admin/outbox?open=${mails[0].id}`, found);
  const [branch] = (await call("GET", "/branches?query=saigon")).body.items;
  await inspect(page, "branch-edit", `/branches/${branch.id}/edit`, found);
  await inspect(page, "branch-new", "/admin/new-branch", found);
  await inspect(page, "branch-statistics", `/branches/${branch.id}/statistics`, found);
  await inspect(page, "branch-statistics-none", `/branches/${branch.id}/statistics?from=2001-01-01&to=2001-02-01`, found);
  await inspect(page, "branch-statistics-failed", `/branches/${branch.id}/statistics?from=2001-02-01&to=2001-01-01`, found);
  await inspect(page, "branch-day", `/branches/${branch.id}/day`, found);
  await inspect(page, "branch-day-none", `/branches/${branch.id}/day?date=2001-01-01`, found);
  await inspect(page, "branch-day-failed", `/branches/${branch.id}/day?date=0900-01-01`, found);
  await inspect(page, "rules", "/admin/rules", found);
  await inspect(page, "rule", "/admin/rules/booking.created.client", found);
  await inspect(page, "rule-new", "/admin/new-rule", found);
  await inspect(page, "texts", "/admin/texts", found);
  await inspect(page, "text", "/admin/texts/booking.created/email/en", found);
  await inspect(page, "explain", "/admin/explain", found);
  const [event] = (await call("GET", "/admin/events?type=booking.confirmed&limit=1", { token: admin.session.access_token })).body.items;
  await inspect(page, "explained", `/admin/explain?event=${event.id}&user=${event.people[0]}`, found);
  await inspect(page, "webhooks", "/admin/webhooks", found);
  const hooks = (await call("GET", "/admin/webhooks?limit=100", { token: admin.session.access_token })).body.items;
  await inspect(page, "webhook", `/admin/webhooks/${hooks.find((one) => one.description === "The old CRM").id}`, found);
  await inspect(page, "webhook-new", "/admin/new-webhook", found);
  await inspect(page, "suppressions", "/admin/suppressions", found);
  await inspect(page, "suppressions-none", "/admin/suppressions?query=zzzzzz", found);
  await inspect(page, "people", "/admin/people", found);
  await inspect(page, "overview", "/admin/overview", found);
  await inspect(page, "booking-table", "/admin/bookings", found);
  await inspect(page, "booking-table-none", "/admin/bookings?query=zzzzzz", found);
  await inspect(page, "weekly", "/admin/weekly", found);
  await inspect(page, "weekly-none", "/admin/weekly?from=2001-01-01&until=2001-02-01", found);
  await inspect(page, "settings", "/admin/settings", found);
  await inspect(page, "design", "/design", found);
  await inspect(page, "api-keys", "/admin/api-keys", found);
  await inspect(page, "audit", "/admin/audit", found);
  await inspect(page, "audit-none", "/admin/audit?query=zzzzzz", found);
  await inspect(page, "live-admin", "/live", found);
  nothingWrong(found, admin.complaints);
  await admin.end();
});

test("pages of the waiting queue", async () => {
  const branch = await newBranch("Harbour Steps");
  const expert = await newExpert(branch, "Desk Dana");
  const { access_token: token } = await signIn("admin@belfry.test");
  const guest = await person(null, { expect: [401, 404] });
  const page = await guest.tab();
  const admin = await person("admin@belfry.test");
  const desk = await admin.tab();
  const found = [];
  const join = async (name) => (await call("POST", `/branches/${branch.id}/queue`, { body: { name, note: "My knee, again." } })).body;
  const act = async (visit, verb, body = {}) => assert.ok((await call("POST", `/visits/${visit.id}/${verb}`, { token, body })).status < 300, verb);
  await inspect(desk, "desk-empty", `/branches/${branch.id}/desk`, found);
  await inspect(page, "board-empty", `/branches/${branch.id}/board`, found);
  const first = await join("Alma Abendroth");
  await act(first, "accept", { expert_id: expert.id });
  await inspect(page, "ticket-called", `/q/${first.id}#${first.secret}`, found);
  await inspect(page, "board-called", `/branches/${branch.id}/board`, found);
  await act(first, "start");
  const rest = [await join("Bình Nguyễn"), await join("Carl-Friedrich von Hohenlohe-Langenburg")];
  await inspect(page, "ticket-serving", `/q/${first.id}#${first.secret}`, found);
  await inspect(page, "ticket-waiting", `/q/${rest[1].id}#${rest[1].secret}`, found);
  await inspect(desk, "desk", `/branches/${branch.id}/desk`, found);
  await open(desk, `/visits/${rest[0].id}`);
  await desk.waitForURL(`**/branches/${branch.id}/desk?visit=${rest[0].id}`);
  await inspect(page, "board", `/branches/${branch.id}/board`, found);
  await inspect(page, "branch-line", `/branches/${branch.id}`, found);
  await act(first, "finish");
  await inspect(page, "ticket-done", `/q/${first.id}#${first.secret}`, found);
  await inspect(page, "ticket-unknown", "/q/0192d3a0-0000-7000-8000-000000000000#nothing", found);
  await inspect(page, "board-failed", "/branches/0192d3a0-0000-7000-8000-000000000000/board", found);
  nothingWrong(found, guest.complaints, admin.complaints);
  await Promise.all([guest.end(), admin.end()]);
});

test("what floats: bell, menus and dialogs", async () => {
  const desk = await person("expert1@belfry.test");
  const page = await desk.tab("/live");
  const found = [];
  const look = async (name) => {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      for (const violation of await axe(page)) found.push(`${name} ${width}: ${violation}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) found.push(`${name} ${width}: ${wide} px too wide`);
      await page.screenshot({ path: join(SHOTS, `${name}-${width}.png`) });
    }
  };
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.locator(".bell > button").click();
  await page.locator(".bell-list .skeleton").waitFor({ state: "detached" });
  await look("bell");
  await page.keyboard.press("Escape");
  await page.locator(".bell-list").waitFor({ state: "detached" });
  await page.getByRole("button", { name: /^Menu of/ }).click();
  await look("menu");
  await page.keyboard.press("Escape");
  const expert = await expertOf("expert1@belfry.test");
  const slot = (await freeSlots(expert.id)).at(-1);
  const booking = await booked((await newClient("Flo Floats")).token, { expert_id: expert.id, starts_at: slot.starts_at, minutes: expert.booking_rules.minutes[0] });
  await open(page, `/bookings/${booking.id}`);
  for (const verb of ["edit", "cancel", "reschedule"]) {
    await page.locator(`[data-verb="${verb}"]`).click();
    await page.locator("dialog .skeleton").waitFor({ state: "detached" });
    await look(`dialog-${verb}`);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
  nothingWrong(found, desk.complaints);
  await desk.end();
});

test("an address that leads nowhere says so, in every language", async () => {
  const visitor = await person(null, { expect: [404] });
  const page = await visitor.tab();
  await open(page, "/experts/none/of/this");
  await page.getByText("Page not found").first().waitFor();
  for (const [tag, words] of [["vi", "Không tìm thấy trang"], ["zh", "找不到页面"]]) {
    await page.evaluate((language) => localStorage.setItem("belfry.locale", language), tag);
    const other = await visitor.context.newPage();
    await other.addInitScript((language) => localStorage.setItem("belfry.locale", language), tag);
    await open(other, "/experts/none/of/this");
    await other.getByText(words).first().waitFor();
    assert.equal(await other.evaluate(() => document.documentElement.lang), tag);
  }
  await visitor.end();
});

test("offline is said, and what was typed stays", async () => {
  const visitor = await person(null);
  const page = await visitor.tab("/lookup");
  await page.getByLabel("Booking code").fill("123456");
  await visitor.context.setOffline(true);
  await page.locator(".offline-bar").waitFor();
  await page.getByLabel("E-mail or phone").fill("me@example.org");
  await page.getByRole("button", { name: "Look it up" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Booking code").inputValue(), "123456");
  await visitor.context.setOffline(false);
  await page.locator(".offline-bar").waitFor({ state: "detached" });
  await visitor.end();
});
