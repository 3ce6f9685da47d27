// What a person wants to be told: saved as it is chosen, taken back, and not lost to somebody else's change.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, nothingWrong, open, person, settled, until } from "./support/browser.js";

after(close);

/** The choices of a person who signed up for this test alone, so that no other test sees them change. */
async function newcomer() {
  const email = `choices-${Date.now()}-${Math.floor(Math.random() * 1e6)}@belfry.test`;
  const { status, body } = await call("POST", "/auth/register", { body: { email, password: "a long enough word", name: "Choosy Chi", locale: "en", time_zone: "Europe/Berlin" } });
  assert.equal(status, 201, JSON.stringify(body));
  return { email, who: (options) => person(email, { password: "a long enough word", ...options }) };
}

const choices = async (someone) => (await call("GET", "/me/preferences", { token: someone.session.access_token })).body;

/** Does something on the page and waits until the server has taken the choice. */
async function saving(page, act) {
  const answered = page.waitForResponse((response) => response.request().method() === "PUT" && response.url().endsWith("/me/preferences"));
  await act();
  return (await answered).status();
}

test("a choice is saved as it is made, dims its column, and can be taken back", async () => {
  const { who } = await newcomer();
  const someone = await who({ width: 360 });
  const page = await someone.tab("/me");
  const cell = page.getByRole("checkbox", { name: "Reminders by E-mail" });
  assert.equal(await saving(page, () => cell.uncheck()), 200);
  assert.equal((await choices(someone)).categories.reminder.email, false);
  assert.equal(await saving(page, () => page.getByRole("button", { name: "Undo" }).click()), 200);
  assert.equal((await choices(someone)).categories.reminder.email, true);
  await until("it is ticked again", () => cell.isChecked());

  // By keyboard: the channel's own switch is above its column.
  const mail = page.getByRole("switch", { name: "E-mail: use this way" });
  await mail.focus();
  assert.equal(await saving(page, () => page.keyboard.press("Space")), 200);
  await until("its column is off", () => cell.isDisabled());
  assert.equal(await page.locator("td.dim").count(), 9, "e-mail, Telegram and SMS are off");
  assert.equal((await choices(someone)).channels.email, false);
  // What would not come anyhow says what it lacks, with the one step that changes it.
  const lacking = page.locator(".choices-missing li");
  await lacking.filter({ hasText: "Telegram" }).getByText("this house sends nothing by this way").waitFor();
  assert.equal(await page.locator(".way-off").count(), 3, "Telegram, SMS and push");
  nothingWrong(someone.complaints);
  await someone.end();
});

test("quiet hours and the daily message", async () => {
  const { who } = await newcomer();
  const someone = await who({ expect: [422] });
  const page = await someone.tab("/me");
  assert.equal(await saving(page, () => page.getByRole("switch", { name: "Quiet hours" }).check()), 200);
  assert.deepEqual((await choices(someone)).quiet_hours, { from: "22:00", until: "07:00" });
  assert.equal(await saving(page, () => page.getByLabel("Quiet from").fill("07:00")), 422);
  await page.locator(".choices .error").waitFor();
  assert.equal(await saving(page, () => page.getByLabel("Quiet from").fill("21:30")), 200);
  await page.locator(".choices .error").waitFor({ state: "detached" });
  assert.equal(await saving(page, () => page.getByRole("switch", { name: "One message a day" }).check()), 200);
  const chosen = await choices(someone);
  assert.deepEqual([chosen.quiet_hours.from, chosen.digest], ["21:30", "daily"]);
  await page.reload();
  await settled(page);
  assert.ok(await page.getByRole("switch", { name: "One message a day" }).isChecked());
  assert.equal(await page.getByLabel("Quiet from").inputValue(), "21:30");
  nothingWrong(someone.complaints);
  await someone.end();
});

test("what was chosen elsewhere meanwhile is shown and not written over", async () => {
  const { who } = await newcomer();
  const someone = await who({ expect: [412] });
  const page = await someone.tab("/me");
  const elsewhere = await someone.tab("/me");
  assert.equal(await saving(elsewhere, () => elsewhere.getByRole("checkbox", { name: "Reviews by Push" }).uncheck()), 200);
  assert.equal(await saving(page, () => page.getByRole("checkbox", { name: "Bookings by E-mail" }).uncheck()), 412);
  await page.getByText("changed elsewhere meanwhile").waitFor();
  assert.ok(await page.getByRole("checkbox", { name: "Bookings by E-mail" }).isChecked());
  assert.ok(!(await page.getByRole("checkbox", { name: "Reviews by Push" }).isChecked()));
  assert.equal(await saving(page, () => page.getByRole("checkbox", { name: "Bookings by E-mail" }).uncheck()), 200);
  const chosen = await choices(someone);
  assert.deepEqual([chosen.categories.booking.email, chosen.categories.review.push], [false, false]);
  nothingWrong(someone.complaints);
  await someone.end();
});

test("choices that cannot be read say so and are asked for again", async () => {
  const { who } = await newcomer();
  const someone = await who({ expect: [503] });
  const page = await someone.tab();
  let broken = true;
  await page.route("**/api/v1/me/preferences", (route) => (broken ? route.fulfill({ status: 503, json: { status: 503, type: "/problems/unavailable", title: "Unavailable" } }) : route.continue()));
  await open(page, "/me");
  await page.locator(".choices-failed, section.card [role=alert]").first().waitFor();
  broken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("switch", { name: "Quiet hours" }).waitFor();
  nothingWrong(someone.complaints);
  await someone.end();
});
