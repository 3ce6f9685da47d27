// The rules: found, tried on what happened, saved as versions, compared, put back.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, nothingWrong, open, person, settled, signIn, until } from "./support/browser.js";
import { booked, newClient, ownExpert } from "./support/branch.js";
import { EVENT_TYPES, audiences, emptyDraft, facts } from "../../static/js/rule.js";

after(close);

const ADMIN = "admin@belfry.test";
const admin = async (method, path, body) => call(method, path, { body, token: (await signIn(ADMIN)).access_token });
const rule = async (id) => (await admin("GET", `/admin/rules/${id}`)).body;

/** An event of a type that happened in the demo, or null. */
const happened = async (type) => (await admin("GET", `/admin/events?type=${type}&limit=1`)).body.items[0] ?? null;

/** A rule of one's own on which no other test looks. */
async function ownRule(change = {}) {
  const id = `test.${Date.now()}.${Math.floor(Math.random() * 1e6)}`;
  const { status, body } = await admin("POST", "/admin/rules", { id, rule: { ...emptyDraft(), enabled: false, ...change } });
  assert.equal(status, 201, JSON.stringify(body));
  return id;
}

test("the list shows every rule by its event, and finds the edited ones", async () => {
  const id = await ownRule({ condition: 'mode == "online"', delay_minutes: 15 });
  const desk = await person(ADMIN);
  const page = await desk.tab("/admin/rules");
  const all = (await admin("GET", "/admin/rules")).body.items.length;
  assert.equal(await page.locator(".table-row").count(), all);
  await page.getByLabel("State").selectOption("own");
  await page.locator(`.table-row a[href="/admin/rules/${id}"]`).waitFor();
  await page.getByText("15 min later").first().waitFor();
  await page.getByLabel("Event, reader or name").fill("zzzz");
  await page.getByText("No rule fits").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

test("a rule is edited, corrected at the fault, compared by version and found stale", async () => {
  const id = await ownRule();
  const desk = await person(ADMIN, { expect: [422, 412] });
  const page = await desk.tab(`/admin/rules/${id}`);
  const save = page.getByRole("button", { name: "Save", exact: true });
  assert.ok(await save.isDisabled());

  await page.getByLabel("Only if").fill("weather == 'fine'");
  await save.click();
  await page.locator('textarea[aria-invalid="true"]').waitFor();
  assert.equal((await rule(id)).version, 1);
  await page.getByLabel("Only if").fill('mode == "online" and minutes_to_start < 120');
  await page.getByRole("button", { name: "SMS", exact: true }).click();
  await save.click();
  await page.locator(".toast.good").first().waitFor();
  const second = await rule(id);
  assert.deepEqual([second.version, second.condition, second.fallback], [2, 'mode == "online" and minutes_to_start < 120', ["sms"]]);
  const compare = page.locator("[data-compare]");
  await compare.getByText("If these fail").waitFor();
  await compare.locator("ins", { hasText: "minutes_to_start < 120" }).waitFor();

  // Somebody else saves; what is typed here is neither saved over theirs nor lost.
  const { body: theirs } = await admin("PUT", `/admin/rules/${id}`, { ...emptyDraft(), enabled: false, delay_minutes: 7 });
  assert.equal(theirs.version, 3);
  await page.getByLabel("Wait, in minutes").fill("9");
  await save.click();
  await page.getByText("Somebody saved version 3 meanwhile").waitFor();
  assert.equal(await page.getByLabel("Wait, in minutes").inputValue(), "9");
  assert.equal((await rule(id)).delay_minutes, 7);
  await page.getByRole("button", { name: "Load theirs" }).click();
  assert.equal(await page.getByLabel("Wait, in minutes").inputValue(), "7");
  await page.getByRole("button", { name: "Put into the form: version 2" }).click();
  await save.click();
  await page.locator(".versions").getByText("Version 4").waitFor();
  assert.equal((await rule(id)).condition, second.condition);
  nothingWrong(desk.complaints);
  await desk.end();
});

test("a rule is tried on what happened before it is saved", async () => {
  // Of somebody with an account, whom no other story changes meanwhile.
  const [expert, client] = [await ownExpert("Rehearsed Rae"), await newClient("Tria Tries")];
  const [slot] = await freeSlots(expert.id);
  const booking = await booked(client.token, { expert_id: expert.id, starts_at: slot.starts_at });
  const event = await until("it was told of", async () => (await admin("GET", `/admin/events?type=booking.created&subject=booking/${booking.id}`)).body.items[0]);
  const desk = await person(ADMIN, { expect: [422] });
  const page = await desk.tab("/admin/rules/booking.created.client");
  const before = await rule("booking.created.client");
  await page.getByLabel("Or the id of an event").fill(event.id);
  await page.getByRole("button", { name: "Show what it would do" }).click();
  await page.locator(".rehearsal .decision").waitFor();
  await page.locator(".rehearsal .sent").first().waitFor();
  assert.match(await page.locator(".rehearsal .verdict").textContent(), /People considered: 1/);
  // With a condition that does not hold, the gate says so.
  await page.getByLabel("Only if").fill('mode == "carrier pigeon"');
  await page.getByRole("button", { name: "Show what it would do" }).click();
  await page.getByText("What the rule asks for was not so.").waitFor();
  await page.getByLabel("Only if").fill("weather");
  await page.getByRole("button", { name: "Show what it would do" }).click();
  await page.locator('textarea[aria-invalid="true"]').waitFor();
  await page.getByLabel("Or the id of an event").fill("0192d3a0-0000-7000-8000-000000000000");
  await page.getByLabel("Only if").fill("");
  await page.getByRole("button", { name: "Show what it would do" }).click();
  await page.getByText("There is no such event.").waitFor();
  assert.deepEqual(await rule("booking.created.client"), before);
  nothingWrong(desk.complaints);
  await desk.end();
});

test("a rule is added, and an edited default goes back to what it was", async () => {
  const desk = await person(ADMIN, { expect: [422] });
  const page = await desk.tab("/admin/new-rule");
  const id = `added.${Date.now()}`;
  await page.getByLabel("Name", { exact: true }).fill("Not A Name");
  await page.getByLabel("This rule is on").uncheck();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator('input[aria-invalid="true"]').waitFor();
  await page.getByLabel("Name", { exact: true }).fill(id);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator(".page-head code", { hasText: id }).waitFor();
  assert.equal((await rule(id)).enabled, false);

  // The texts of this one are asked for by nothing else in these tests.
  const name = "booking.kept.client";
  await open(page, `/admin/rules/${name}`);
  await page.getByLabel("Wait, in minutes").fill("3");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Back to the default" }).click();
  await page.getByRole("button", { name: "Yes, do it" }).click();
  await page.getByText("The default is in force again").waitFor();
  const back = await rule(name);
  assert.deepEqual([back.delay_minutes, back.edited], [0, false]);
  await settled(page);
  nothingWrong(desk.complaints);
  await desk.end();
});

test("every fact that the page offers may be named, and every fact there is is offered", async () => {
  for (const type of EVENT_TYPES) {
    const event = (await happened(type)) ?? (await happened("booking.created"));
    const condition = facts(type).map((name) => `${name} == ${name}`).join(" and ");
    const draft = { ...emptyDraft(), on: type, condition, audience: audiences(type)[0], page: "inbox" };
    const { status, body } = await admin("POST", "/admin/rules/try", { event_id: event.id, rule: draft });
    assert.equal(status, 200, `${type}: ${JSON.stringify(body.errors)}`);
    if (event.type !== type) continue;
    const offered = facts(type);
    const parts = (name) => Object.keys(event.data[name]).map((part) => `${name}.${part}`);
    const names = Object.keys(event.data).flatMap((name) => (["client", "expert", "branch"].includes(name) && !offered.includes(name) ? parts(name) : [name]));
    assert.deepEqual(names.filter((name) => !offered.includes(name)), [], type);
  }
});
