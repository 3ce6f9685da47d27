// Branches: found, booked without choosing a person, edited by who runs them, and why somebody was chosen.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, call, close, live, nothingWrong, open, person, settled } from "./support/browser.js";
import { SECRET, booked, newBranch, newClient, newExpert, newManager } from "./support/branch.js";

after(close);

/** A branch with two experts. */
async function withExperts(name) {
  const branch = await newBranch(name);
  await newExpert(branch, "Early Edda", { from: "08:00", until: "14:00" });
  await newExpert(branch, "Later Lou", { from: "10:00", until: "18:00" });
  return branch;
}

/** Free times of a branch from the day after tomorrow on. */
async function times(id) {
  const from = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
  const { body } = await call("GET", `/branches/${id}/slots?from=${from}&days=20`);
  return body.days.flatMap((day) => day.slots);
}

/** Chooses a day on the calendar, in the month that is shown or the next. */
async function chooseDay(page, instant) {
  const zone = await page.locator(".picker select").inputValue();
  const date = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(instant));
  if (!(await page.locator(`.month [data-date="${date}"]`).count())) await page.getByRole("button", { name: "Next month" }).click();
  await page.locator(`.month [data-date="${date}"].free`).click();
}

test("a client finds a branch and books there without choosing a person; staff see why it was this one", async () => {
  const branch = await withExperts("Rope House");
  const client = await person((await newClient("Ria Rope")).email, { width: 360, password: SECRET });
  const page = await client.tab("/branches");
  const found = [];
  const look = async (where, name) => {
    for (const violation of await axe(where)) found.push(`${name}: ${violation}`);
  };
  await page.getByRole("searchbox").fill(branch.name.toLowerCase());
  await page.waitForURL(/query=/);
  await settled(page);
  await page.getByRole("link", { name: branch.name }).click();
  await page.getByRole("heading", { name: branch.name, level: 1 }).waitFor();
  const slot = (await times(branch.id)).find((one) => one.experts > 1);
  await chooseDay(page, slot.starts_at);
  await look(page, "branch");
  await page.locator(`.slots [data-at="${slot.starts_at}"]`).click();
  await page.getByLabel("What it is about").or(page.locator("textarea")).first().fill("Anybody will do.");
  await page.getByRole("button", { name: /this time$/ }).click();
  await page.waitForURL(/booked=1/);
  await page.getByText("4 Ropewalk").first().waitFor();
  const id = new URL(page.url()).pathname.split("/").pop();

  const admin = await person("admin@belfry.test");
  const desk = await admin.tab(`/bookings/${id}`);
  await desk.getByRole("heading", { name: "Why this expert" }).waitFor();
  await desk.locator(".candidates .chosen").waitFor();
  assert.ok((await desk.locator(".candidates li").count()) >= 2);
  await look(desk, "assignment");
  // To the client it is nobody's business.
  await open(page, `/bookings/${id}`);
  await page.getByRole("heading", { name: "What happened" }).or(page.locator(".timeline")).first().waitFor();
  assert.equal(await page.locator(".candidates").count(), 0);
  nothingWrong(found, client.complaints, admin.complaints);
  await Promise.all([client.end(), admin.end()]);
});

test("the last free expert of a start takes it off the open page of a visitor, and back", async () => {
  const branch = await withExperts("Quay House");
  const slot = (await times(branch.id)).reverse().find((one) => one.experts === 1);
  const watcher = await person((await newClient("Wes Watches")).email, { password: SECRET });
  const page = await watcher.tab(`/branches/${branch.id}`);
  await live(page);
  await chooseDay(page, slot.starts_at);
  const seen = page.locator(`.slots [data-at="${slot.starts_at}"]`);
  await seen.waitFor();
  const { token } = await newClient("Quin Quick");
  const { id } = await booked(token, { branch_id: branch.id, starts_at: slot.starts_at });
  await seen.waitFor({ state: "detached" });
  assert.equal((await call("POST", `/bookings/${id}/cancel`, { token, body: {} })).status, 200);
  await seen.waitFor();
  nothingWrong(watcher.complaints);
  await watcher.end();
});

test("a manager edits the hours and rules of their branch, and of no other", async () => {
  const [branch, other] = [await newBranch("Anchor House"), await newBranch("Bollard House")];
  const manager = await person((await newManager(branch)).email, { expect: [422], password: SECRET });
  const page = await manager.tab(`/branches/${branch.id}`);
  const found = [];
  await page.locator('a[href$="/edit"]').click();
  await page.getByRole("heading", { name: branch.name, level: 1 }).waitFor();
  for (const violation of await axe(page)) found.push(`edit: ${violation}`);
  await page.locator('textarea[name="address"]').fill("14 Nguyễn Huệ");
  await page.locator('input[name="horizon_days"]').fill("5000");
  await page.locator(".save-bar .button.primary").click();
  await page.locator('input[name="horizon_days"][aria-invalid="true"]').waitFor();
  await page.locator('input[name="horizon_days"]').fill("21");
  await page.locator('select[name="strategy"]').selectOption("round_robin");
  await page.locator('input[name="override_date"]').fill("2030-01-01");
  await page.locator('section:has(input[name="override_date"]) .actions .button').click();
  await page.locator(".save-bar .button.primary").click();
  await page.locator(".toast.good").waitFor();
  const saved = (await call("GET", `/branches/${branch.id}`)).body;
  assert.equal(saved.address, "14 Nguyễn Huệ");
  assert.deepEqual([saved.settings.horizon_days, saved.settings.strategy], [21, "round_robin"]);
  assert.deepEqual(saved.overrides, [{ date: "2030-01-01", intervals: [] }]);
  await open(page, `/branches/${other.id}`);
  assert.equal(await page.locator('a[href$="/edit"]').count(), 0);
  await open(page, `/branches/${other.id}/edit`);
  await page.locator('main a[href="/branches"]').waitFor();
  assert.equal(await page.locator("form .save-bar").count(), 0);
  nothingWrong(found, manager.complaints);
  await manager.end();
});

test("who runs a branch sees how it fares, as it happens; who runs another one does not", async () => {
  const branch = await withExperts("Sail House");
  const admin = await person("admin@belfry.test");
  const page = await admin.tab(`/branches/${branch.id}`);
  await live(page);
  await page.getByRole("link", { name: "Statistics" }).click();
  await page.getByText("Nothing happened on these dates").waitFor();
  const [slot] = await times(branch.id);
  const { token } = await newClient("Sal Sails");
  const booking = await booked(token, { branch_id: branch.id, starts_at: slot.starts_at });
  // Made today, so that it is there although it starts later.
  const made = page.locator("figure.chart", { hasText: "Bookings made, by day" });
  await made.waitFor();
  await made.locator("summary").click();
  await made.locator("td", { hasText: /^1$/ }).waitFor();
  const date = slot.starts_at.slice(0, 10);
  await page.getByLabel("Until").fill(date);
  await page.locator(".tile", { hasText: "Pending" }).locator("strong", { hasText: /^1$/ }).waitFor();
  await page.getByText("Given by the branch").waitFor();
  assert.equal((await call("POST", `/bookings/${booking.id}/cancel`, { token, body: {} })).status, 200);
  await page.locator("li", { hasText: "Cancelled by clients" }).locator("strong", { hasText: /^1$/ }).waitFor();
  const figures = (await call("GET", `/branches/${branch.id}/statistics?to=${date}`, { token: admin.session.access_token })).body;
  const rows = await page.locator("[aria-labelledby=full] tbody tr").count();
  assert.equal(rows, figures.experts.length);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download as CSV" }).click()]);
  assert.match(download.suggestedFilename(), /^statistics-.*csv$/);
  const manager = await person((await newManager(await newBranch("Foreign House"))).email, { password: SECRET });
  const foreign = await manager.tab(`/branches/${branch.id}`);
  assert.equal(await foreign.locator('a[href$="/statistics"]').count(), 0);
  await open(foreign, `/branches/${branch.id}/statistics`);
  await foreign.locator('main a[href="/branches"]').waitFor();
  nothingWrong(admin.complaints, manager.complaints);
  await Promise.all([admin.end(), manager.end()]);
});
