// The outbox: who carries messages, why one was sent, and everything that was given up once more.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, nothingWrong, open, person, settled, signIn, until } from "./support/browser.js";
import { booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const ADMIN = "admin@belfry.test";

test("providers stand above the messages, and a message leads to its explanation", async () => {
  const { access_token: token } = await signIn(ADMIN);
  const { items } = (await call("GET", "/admin/providers", { token })).body;
  // A message of a booking: whoever just signed up somewhere was written to for no event at all.
  const [expert, client] = [await ownExpert("Otto Outbox"), await newClient("Wilma Why")];
  const [slot] = await freeSlots(expert.id);
  await booked(client.token, { expert_id: expert.id, starts_at: slot.starts_at });
  const mine = `channel=email&status=kept&query=${encodeURIComponent(expert.email)}`;
  await until("the expert was written to", async () => (await call("GET", `/admin/deliveries?${mine}`, { token })).body.items.some((one) => one.kind === "booking.created"));
  const desk = await person(ADMIN);
  const page = await desk.tab(`/admin/outbox?${mine}`);
  assert.ok(items.length > 0);
  assert.equal(await page.locator(".provider-list li").count(), items.length);
  await page.locator(".provider-list li", { hasText: items[0].provider }).getByText("Ready").waitFor();
  // The newest; an address may have to be confirmed before.
  await page.locator(".row-title").first().click();
  await page.getByRole("link", { name: `Why this was sent to ${expert.name}` }).click();
  await settled(page);
  await page.locator(".decision .sent").first().waitFor();
  await page.getByRole("link", { name: "Open the message" }).first().click();
  await page.locator("dialog .mail-body").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

test("all that was given up and fits the filters goes back into the queue", async () => {
  const { access_token: token } = await signIn(ADMIN);
  const [kept] = (await call("GET", "/admin/deliveries?limit=1", { token })).body.items;
  const desk = await person(ADMIN);
  const page = await desk.tab();
  // Nothing is ever given up by the demo's post box, so one message is shown as if it had been.
  await page.route(/\/api\/v1\/admin\/deliveries\?.*status=dead/, (route) => route.fulfill({ json: { items: [{ ...kept, status: "dead", last_error: "The box is full." }], next: null } }));
  await open(page, "/admin/outbox?status=dead&channel=email");
  await page.getByText("The box is full.").waitFor();
  await page.getByRole("button", { name: "Send all of these again" }).click();
  const asked = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/admin/deliveries/retry"));
  await page.getByRole("button", { name: "Yes, do it" }).click();
  assert.deepEqual((await asked).postDataJSON(), { status: "dead", channel: "email" });
  await page.getByText("0 messages are back in the queue").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

test("messages are sorted by the heading, and the columns chosen stay on this device", async () => {
  const desk = await person(ADMIN);
  const page = await desk.tab("/admin/outbox?channel=email");
  const table = page.locator(".long-table");
  const times = () => table.locator(".cell-made time").evaluateAll((all) => all.map((one) => one.getAttribute("datetime")));
  const newest = await times();
  assert.deepEqual(newest, newest.toSorted().toReversed());
  await table.getByRole("button", { name: "Made" }).click();
  await page.waitForURL(/sort=created_at/);
  await settled(page);
  await table.locator("th[aria-sort=ascending]").waitFor();
  const oldest = await times();
  assert.deepEqual(oldest, oldest.toSorted());
  await page.getByText("Columns", { exact: true }).click();
  await page.getByRole("checkbox", { name: "Address" }).check();
  await page.getByRole("checkbox", { name: "To", exact: true }).uncheck();
  await page.waitForURL(/columns=/);
  assert.equal(await table.locator("th", { hasText: "Address" }).count(), 1);
  // Another visit without a word about columns remembers them.
  await open(page, "/admin/outbox");
  assert.equal(await page.locator(".long-table th", { hasText: "Address" }).count(), 1);
  assert.equal(await page.locator(".long-table .cell-person").count(), 0);
  nothingWrong(desk.complaints);
  await desk.end();
});
