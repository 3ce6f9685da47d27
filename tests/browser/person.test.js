// One's own data: downloaded as a file, and erased with the password; an administrator erases somebody else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after } from "node:test";
import { call, close, nothingWrong, person } from "./support/browser.js";

after(close);

const PASSWORD = "correct horse battery";

/** Somebody new. */
async function newcomer(name) {
  const email = `${name.toLowerCase().replace(/\W/g, "")}${Date.now()}@belfry.test`;
  const { status } = await call("POST", "/auth/register", { body: { email, password: PASSWORD, name, time_zone: "UTC" } });
  assert.equal(status, 201);
  return email;
}

test("somebody downloads their data and erases the account", async () => {
  const email = await newcomer("Wanda Goes");
  const visitor = await person(email, { password: PASSWORD, expect: [422] });
  const page = await visitor.tab("/me");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download my data" }).click()]);
  const file = JSON.parse(readFileSync(await download.path(), "utf8"));
  assert.equal(file.data.account[0].email, email);
  await page.getByRole("button", { name: "Erase my account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Password").fill("something else entirely");
  await dialog.getByRole("button", { name: "Erase for good" }).click();
  await dialog.getByText("This is not the password of this account.").waitFor();
  await dialog.getByLabel("Password").fill(PASSWORD);
  await dialog.getByRole("button", { name: "Erase for good" }).click();
  await page.getByText("Your account is erased").waitFor();
  await page.getByRole("link", { name: "Sign in" }).first().waitFor();
  assert.equal((await call("POST", "/auth/login", { body: { email, password: PASSWORD } })).status, 401);
  nothingWrong(visitor.complaints);
  await visitor.end();
});

test("an administrator erases somebody, whose name has to be typed", async () => {
  const email = await newcomer("Otto Leaves");
  const desk = await person("admin@belfry.test");
  const page = await desk.tab(`/admin/people?query=${encodeURIComponent(email)}`);
  await page.getByRole("button", { name: "Erase Otto Leaves" }).click();
  const dialog = page.getByRole("dialog");
  assert.ok(await dialog.getByRole("button", { name: "Erase for good" }).isDisabled());
  await dialog.getByLabel("Type Otto Leaves to go on").fill("Otto Leaves");
  await dialog.getByRole("button", { name: "Erase for good" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("Otto Leaves is erased").waitFor();
  assert.equal((await call("POST", "/auth/login", { body: { email, password: PASSWORD } })).status, 401);
  nothingWrong(desk.complaints);
  await desk.end();
});
