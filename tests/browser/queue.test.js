// The waiting queue in two browsers and more: a visitor's ticket, the desk of the branch, the screen on its wall.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, call, close, live, nothingWrong, open, person, signIn } from "./support/browser.js";
import { SECRET, morning, newBranch, newClient, newExpert, tokenOf } from "./support/branch.js";

after(close);

const HOUR = 3_600_000;
const queueOf = async (id, token) => (await call("GET", `/branches/${id}/queue`, { token })).body;
/** Joins without an account, as another phone would. */
async function joined(branch, name, more = {}) {
  const { status, body } = await call("POST", `/branches/${branch.id}/queue`, { body: { name, ...more } });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}
const presence = async (expert, wanted) => {
  const { status, body } = await call("PUT", `/experts/${expert.id}/presence`, { token: await tokenOf(expert), body: { presence: wanted } });
  assert.ok(status < 300, JSON.stringify(body));
};
const row = (page, id) => page.locator(`.line-row[data-visit="${id}"]`);
const says = (page, words) => page.locator(".ticket-says", { hasText: words }).waitFor();
const found = [];
const look = async (page, name) => {
  for (const violation of await axe(page)) found.push(`${name}: ${violation}`);
};

test("a guest joins, is called at the desk, and the screen on the wall shows it without a name", async () => {
  const branch = await newBranch("Ferry House");
  const edda = await newExpert(branch, "Early Edda");
  const desk = await person(edda.email, { password: SECRET });
  const counter = await desk.tab(`/branches/${branch.id}`);
  await counter.locator(`main a[href="/branches/${branch.id}/desk"]`).click();
  await counter.getByRole("heading", { name: "Nobody waits" }).or(counter.getByText("Nobody waits")).first().waitFor();
  await live(counter);
  const wall = await person(null);
  const board = await wall.tab(`/branches/${branch.id}/board`);

  const guest = await person(null, { width: 360 });
  const page = await guest.tab(`/branches/${branch.id}`);
  await page.getByRole("button", { name: "Join the line" }).click();
  await page.getByLabel("Name to call").fill("Quiet Quinn");
  await look(page, "come now");
  await page.getByRole("button", { name: "Join the line" }).click();
  await page.locator(".ticket.waiting").waitFor();
  await says(page, "You are next");
  const address = new URL(page.url());
  assert.match(address.pathname, /^\/q\/[0-9a-f-]{36}$/);
  assert.equal(address.search, "");
  assert.ok(address.hash.length > 20, "the secret stands behind the #");
  const id = address.pathname.split("/").pop();
  // A reload finds it, and so does the bare address on the same device; the branch leads back to it.
  await page.reload();
  await says(page, "You are next");
  await open(page, `/q/${id}`);
  await says(page, "You are next");
  await look(page, "ticket waiting");
  await open(page, `/branches/${branch.id}`);
  await page.getByRole("link", { name: "Open my number" }).click();
  await says(page, "You are next");

  // The desk has it without a reload, with the name; the screen has the number alone.
  await row(counter, id).getByText("Quiet Quinn").waitFor();
  await board.locator(".board-next li", { hasText: "1" }).waitFor();
  await look(counter, "desk");
  await counter.keyboard.press("n");
  // What was just called stands out, for a while.
  await board.locator('.board-called li.called.fresh[data-number="1"]').getByText("to Early Edda").waitFor();
  await row(counter, id).locator('[data-visit-state="called"]').waitFor();
  await says(page, "Please go to Early Edda");
  await page.locator(".ticket.called").waitFor();
  await look(page, "ticket called");
  assert.equal(await board.getByText("Quinn").count(), 0);
  await look(board, "board");
  await counter.keyboard.press("s");
  await says(page, "You are with Early Edda");
  await board.locator('.board-called li.serving[data-number="1"]').waitFor();
  await counter.keyboard.press("f");
  await row(counter, id).waitFor({ state: "detached" });
  await says(page, "Done");
  await page.getByRole("link", { name: "Book a time" }).waitFor();
  await look(page, "ticket done");
  // On a device that has not the secret there is nothing to see.
  const stranger = await wall.tab(`/q/${id}`);
  await stranger.getByText("This number cannot be opened here").waitFor();
  nothingWrong(found, desk.complaints, wall.complaints, guest.complaints);
  await Promise.all([desk.end(), wall.end(), guest.end()]);
});

test("whoever is next is asked by itself, sees the time run, and comes; who lets the time pass goes one place back", async () => {
  const branch = await newBranch("Lock House");
  const settings = { ...branch.settings, offer_minutes: 1 };
  const { access_token: admin } = await signIn("admin@belfry.test");
  assert.equal((await call("PATCH", `/branches/${branch.id}`, { token: admin, body: { settings } })).status, 200);
  const lou = await newExpert(branch, "Later Lou");
  const ann = await newClient("Ann Asked");
  const late = await joined(branch, "Slow Sam");
  const slow = await person(null, { width: 360 });
  const theirs = await slow.tab(`/q/${late.id}#${late.secret}`);
  await says(theirs, "You are next");
  const client = await person(ann.email, { width: 360, password: SECRET });
  const page = await client.tab(`/branches/${branch.id}`);
  await page.getByRole("button", { name: "Join the line" }).click();
  await page.locator(".join").getByRole("button", { name: "Join the line" }).click();
  await page.waitForURL(/\/visits\/[0-9a-f-]{36}$/);
  await says(page, "1 person before you");
  await live(page);

  await presence(lou, "online");
  await says(theirs, "It is your turn: Later Lou has time for you");
  await theirs.locator(".ticket-clock .countdown").waitFor();
  await look(theirs, "ticket offered");
  // Nobody answers: it passes on, and both pages say so by themselves.
  await page.locator(".ticket.offered").waitFor({ timeout: 180_000 });
  await says(theirs, "1 person before you");
  await theirs.getByText("One turn has passed you by").waitFor();
  await page.getByRole("button", { name: "I am coming" }).click();
  await says(page, "Please go to Later Lou");
  // The bell leads to the ticket, too.
  await page.getByRole("button", { name: /^Notifications/ }).click();
  await page.locator(".bell-list .news-title", { hasText: /please come/ }).first().click();
  await page.waitForURL(/\/visits\//);
  nothingWrong(found, slow.complaints, client.complaints);
  await Promise.all([slow.end(), client.end()]);
});

test("what somebody else did first is told at the row, and the line is right again", async () => {
  const branch = await newBranch("Mill House");
  const edda = await newExpert(branch, "Early Edda");
  const other = await newBranch("Weir House");
  const gone = await joined(branch, "Gone Greta");
  const stays = await joined(branch, "Steady Stan");
  const desk = await person("admin@belfry.test", { expect: [409, 404] });
  const page = await desk.tab(`/branches/${branch.id}/desk`);
  await row(page, gone.id).waitFor();
  // The page hears nothing for a while, as behind a bad connection.
  const path = `**/api/v1/branches/${branch.id}/queue`;
  await page.route(path, (route) => (route.request().method() === "GET" ? route.abort() : route.continue()));
  assert.equal((await call("POST", `/visits/${gone.id}/leave`, { token: gone.secret, body: {} })).status, 200);
  await row(page, gone.id).locator('[data-deed="skip"]').click();
  await row(page, gone.id).locator(".error").waitFor();
  await page.locator(".heard.stale").waitFor();
  await page.unroute(path);
  await row(page, gone.id).waitFor({ state: "detached" });
  desk.complaints.length = 0; // The browser logs what was cut.

  // Somebody who did not come stands there after all: undone by one press.
  await page.locator(`[data-expert="${edda.id}"]`).getByRole("button", { name: `Call ${stays.number}` }).click();
  await row(page, stays.id).locator('[data-deed="no-show"]').click();
  await row(page, stays.id).waitFor({ state: "detached" });
  await page.locator(".toast").getByRole("button", { name: "Undo" }).click();
  await row(page, stays.id).locator('[data-visit-state="waiting"]').waitFor();

  // On to another branch: the guest's phone goes along.
  const phone = await person(null, { width: 360 });
  const ticket = await phone.tab(`/q/${stays.id}#${stays.secret}`);
  await row(page, stays.id).locator('[data-deed="transfer"]').click();
  await page.locator("dialog select").selectOption(other.id);
  await look(page, "transfer");
  await page.locator("dialog").getByRole("button", { name: "Transfer" }).click();
  await says(ticket, "goes on at another branch");
  await ticket.getByRole("link", { name: "Open the new number" }).click();
  await ticket.getByRole("link", { name: other.name }).waitFor();
  await says(ticket, "You are next");

  // A person who stands at the desk gets a number, and leaves again by themselves.
  await open(page, `/branches/${other.id}/desk`);
  await page.keyboard.press("a");
  await page.locator("dialog").getByLabel("Name to call").fill("Walk-in Wanda");
  await page.locator("dialog").getByRole("button", { name: "Give a number" }).click();
  await page.locator("dialog .ticket-number b", { hasText: "2" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".line-row", { hasText: "Walk-in Wanda" }).waitFor();
  await ticket.getByRole("button", { name: "Leave the line" }).click();
  await look(ticket, "leaving");
  await ticket.locator("dialog").getByRole("button", { name: "Leave the line" }).click();
  await says(ticket, "You have left the line");
  await ticket.getByRole("link", { name: "Join again" }).click();
  await ticket.getByRole("button", { name: "Join the line" }).waitFor();
  nothingWrong(found, desk.complaints, phone.complaints);
  await Promise.all([desk.end(), phone.end()]);
});

test("an appointment of today is checked in by its code, and a wrong code is told in the dialog", async () => {
  const branch = await newBranch("Sluice House", { time_zone: morning() });
  await newExpert(branch, "Early Edda");
  const from = new Intl.DateTimeFormat("en-CA", { timeZone: branch.time_zone }).format(new Date());
  const { days } = (await call("GET", `/branches/${branch.id}/slots?from=${from}&days=1`)).body;
  const slot = days.flatMap((day) => day.slots).find((one) => Date.parse(one.starts_at) > Date.now() + HOUR);
  const guest = { name: "Punctual Pia", email: `pia.${Date.now()}@guests.test` };
  const booked = await call("POST", "/bookings", { body: { branch_id: branch.id, starts_at: slot.starts_at, mode: "offline", guest } });
  assert.equal(booked.status, 201, JSON.stringify(booked.body));
  const desk = await person("admin@belfry.test", { expect: [422] });
  const page = await desk.tab(`/branches/${branch.id}/desk`);
  await page.keyboard.press("i");
  await page.locator("dialog").getByLabel("Booking code").fill("000000");
  await page.locator("dialog").getByRole("button", { name: "Check in a booking" }).click();
  await page.locator('dialog input[aria-invalid="true"]').waitFor();
  await look(page, "check in");
  await page.locator("dialog").getByLabel("Booking code").fill(booked.body.code);
  await page.locator("dialog").getByRole("button", { name: "Check in a booking" }).click();
  const pia = page.locator(".line-row", { hasText: "Punctual Pia" });
  await pia.getByRole("link", { name: "Appointment" }).waitFor();
  await pia.getByText(/not before/).waitFor();
  assert.equal((await queueOf(branch.id, (await signIn("admin@belfry.test")).access_token)).visits[0].booking_id, booked.body.id);

  // Whoever has an account says by themselves that they came.
  const own = await newClient("Early Eve");
  const eve = await person(own.email, { width: 360, password: SECRET });
  const second = days.flatMap((day) => day.slots).find((one) => one.starts_at >= slot.ends_at);
  const hers = await call("POST", "/bookings", { token: eve.session.access_token, body: { branch_id: branch.id, starts_at: second.starts_at, mode: "offline" } });
  assert.equal(hers.status, 201, JSON.stringify(hers.body));
  const phone = await eve.tab(`/bookings/${hers.body.id}`);
  await phone.getByRole("button", { name: "I am here" }).click();
  await phone.locator(".ticket.waiting").waitFor();
  await page.locator(".line-row", { hasText: "Early Eve" }).waitFor();
  nothingWrong(found, desk.complaints, eve.complaints);
  await Promise.all([desk.end(), eve.end()]);
});

test("a screen that loses the house says so, keeps what it shows, and comes back by itself", async () => {
  const branch = await newBranch("Tide House");
  await joined(branch, "First Fay");
  const wall = await person(null);
  const page = await wall.tab(`/branches/${branch.id}/board`);
  await page.locator(".board-next li", { hasText: "1" }).waitFor();
  await wall.context.setOffline(true);
  await page.locator(".board-stale").waitFor();
  await page.locator(".board-next li", { hasText: "1" }).waitFor();
  await joined(branch, "Second Sid");
  await wall.context.setOffline(false);
  await page.locator(".board-stale").waitFor({ state: "detached" });
  await page.locator(".board-next li", { hasText: "2" }).waitFor();
  for (const width of [360, 768, 1280, 1920]) {
    await page.setViewportSize({ width, height: width < 600 ? 780 : 1080 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), `${width}`);
  }
  await wall.end();
});
