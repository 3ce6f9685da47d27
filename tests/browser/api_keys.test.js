// Keys for machines: made, shown once, good for what was ticked, and ended.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, nothingWrong, person, settled, signIn } from "./support/browser.js";
import { newClient } from "./support/branch.js";

after(close);

const ADMIN = "admin@belfry.test";

test("a key is made, shown once, does what was ticked, and is revoked", async () => {
  const desk = await person(ADMIN, { expect: [422] });
  const page = await desk.tab("/admin/api-keys");
  await page.getByRole("button", { name: "Make a key" }).click();
  const dialog = page.getByRole("dialog");
  // Nothing ticked is said at the boxes.
  await dialog.getByLabel("Name").fill("Browser test");
  await dialog.getByRole("button", { name: "Make a key" }).click();
  await dialog.getByText("At least one is needed.").waitFor();
  await dialog.getByLabel("Read bookings").check();
  await dialog.getByRole("button", { name: "Make a key" }).click();
  const key = await dialog.locator(".secret").innerText();
  assert.match(key, /^[a-z]+_[\w-]{43}$/);
  assert.equal((await call("GET", "/bookings?limit=1", { token: key })).status, 200);
  const refused = await call("GET", "/admin/users", { token: key });
  assert.deepEqual([refused.status, refused.body.scope], [403, "people:read"]);
  await dialog.getByRole("button", { name: "I have kept it" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.ok(!(await page.content()).includes(key));
  const row = page.locator(".table-row", { hasText: "Browser test" });
  await row.getByText("Works").waitFor();
  await row.getByRole("link", { name: "What it changed" }).waitFor();
  await row.getByRole("button", { name: "Revoke Browser test" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await row.locator(".badge", { hasText: "Revoked" }).waitFor();
  assert.equal((await call("GET", "/bookings?limit=1", { token: key })).status, 401);
  nothingWrong(desk.complaints);
  await desk.end();
});

test("the change log tells before and after, and its filters are the address", async () => {
  const desk = await person(ADMIN);
  // Other stories make experts, too, so these changes are looked for by their people.
  const { access_token: token } = await signIn(ADMIN);
  const people = [await newClient("Cara Changed"), await newClient("Cleo Changed")];
  const governed = await Promise.all(people.map(({ id }) => call("PATCH", `/admin/users/${id}`, { token, body: { role: "expert" } })));
  assert.deepEqual(governed.map(({ status }) => status), [200, 200]);
  const page = await desk.tab("/admin/audit?action=user.governed");
  const entries = page.locator(".audit-entry");
  const [first, second] = people.map(({ id }) => entries.filter({ hasText: id }));
  await second.waitFor();
  await first.locator("del", { hasText: "user" }).waitFor();
  await first.locator("ins", { hasText: "expert" }).waitFor();
  // Only what differs is told.
  assert.equal(await first.locator("dt").count(), 1);
  await first.getByRole("button", { name: /^Its history: user\// }).click();
  await settled(page);
  await page.waitForFunction(() => document.querySelectorAll(".audit-entry").length === 1);
  assert.match(page.url(), /action=user\.governed&subject=user%2F/);
  await page.reload();
  await settled(page);
  assert.equal(await entries.count(), 1);
  await page.getByRole("button", { name: /^Do not filter by: user\// }).click();
  await second.waitFor();
  await page.getByLabel("Search").fill("Warehouse");
  await page.getByLabel("What was changed").selectOption("");
  await page.waitForURL(/query=Warehouse/);
  await page.waitForFunction(() => document.querySelectorAll(".audit-entry").length === 1);
  await page.locator(".audit-entry", { hasText: "API key made" }).waitFor();
  await page.getByLabel("Search").fill("");
  await page.getByLabel("Until").fill("2020-01-01");
  await page.getByText("No changes here").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});
