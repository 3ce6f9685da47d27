// The schedule editor changes what clients can book, at once.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, live, nothingWrong, open, person, settled } from "./support/browser.js";
import { SECRET, newClient, ownExpert } from "./support/branch.js";

after(close);

const addDays = (date, days) => new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);

test("hours, rules, an exception and time off all show in the preview and on the client's open page", async () => {
  const expert = await ownExpert("Shea Schedule", { time_zone: "America/New_York" });
  const desk = await person(expert.email, { expect: [422], password: SECRET });
  const client = await person((await newClient("Wyn Watches")).email, { password: SECRET });
  const token = desk.session.access_token;
  const before = (await call("GET", `/experts/${expert.id}/schedule`, { token })).body;

  // A day two weeks ahead in the expert's zone, so that notice does not matter.
  const today = new Intl.DateTimeFormat("en-CA", { timeZone: before.time_zone }).format(new Date());
  const day = addDays(today, 14);
  const weekday = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"][new Date(`${day}T00:00:00Z`).getUTCDay()];
  const slotsOf = async () => {
    const { body } = await call("GET", `/experts/${expert.id}/slots?from=${day}&days=1&time_zone=${before.time_zone}&minutes=60`);
    return body.days[0].slots;
  };

  const page = await desk.tab("/schedule");
  await live(page);
  const row = page.locator(`[data-weekday="${weekday}"]`);
  while (await row.locator(".interval").count()) await row.locator(".interval").first().getByRole("button").click();
  await row.getByRole("button", { name: /^Add hours/ }).click();
  await row.locator('input[type="time"]').nth(0).fill("09:00");
  await row.locator('input[type="time"]').nth(1).fill("12:00");
  await row.getByRole("button", { name: /^Add hours/ }).click();
  await row.locator('input[type="time"]').nth(2).fill("20:00");
  await row.locator('input[type="time"]').nth(3).fill("00:00");
  await page.locator('input[name="minutes"]').fill("60, 5000");
  await page.locator('input[name="interval_minutes"]').fill("60");
  await page.locator('input[name="horizon_days"]').fill("60");
  await page.locator('input[name="max_per_day"]').fill("");
  await page.locator('input[name="max_per_week"]').fill("");
  await page.locator('input[name="buffer_before_minutes"]').fill("0");
  await page.locator('input[name="buffer_after_minutes"]').fill("0");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator('input[name="minutes"][aria-invalid="true"]').waitFor();
  await page.locator('input[name="minutes"]').fill("60");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.locator(".toast.good").waitFor();

  const preview = page.locator(`.preview [data-date="${day}"]`);
  while (!(await preview.count())) {
    await page.locator(".preview").getByRole("button", { name: "Later" }).click();
    await settled(page);
  }
  await preview.getByText("23:00").waitFor();
  const open7 = await slotsOf();
  assert.ok(open7.length > 0 && open7.length <= 7, `${open7.length} slots`);

  // A client looks at that very day while it changes.
  const watching = await client.tab(`/experts/${expert.id}?date=${day}`);
  await watching.locator(".picker select").selectOption(before.time_zone);
  await live(watching);
  await watching.locator(`.month [data-date="${day}"].free`).click();
  await watching.locator(".slots .slot").first().waitFor();

  const overrides = page.locator('section[aria-labelledby="overrides"]');
  await overrides.getByLabel("Day", { exact: true }).fill(day);
  await overrides.locator('input[type="time"]').nth(0).fill("15:00");
  await overrides.locator('input[type="time"]').nth(1).fill("17:00");
  await overrides.getByRole("button", { name: "Save this day" }).click();
  await overrides.getByRole("button", { name: /^Back to the weekly hours/ }).first().waitFor();
  await watching.waitForFunction(() => [...document.querySelectorAll(".slots .slot")].map((slot) => slot.textContent.trim().slice(0, 5)).join() === "15:00,16:00");

  const off = page.locator('section[aria-labelledby="time-off"]');
  await off.getByLabel("From", { exact: true }).fill(`${day}T16:00`);
  await off.getByLabel("Until", { exact: true }).fill(`${day}T18:00`);
  await off.getByLabel("Reason").fill("Dentist");
  await off.getByRole("button", { name: "Add time off" }).click();
  await off.getByText("Dentist").waitFor();
  await watching.waitForFunction(() => [...document.querySelectorAll(".slots .slot")].map((slot) => slot.textContent.trim().slice(0, 5)).join() === "15:00");

  await off.locator("li", { hasText: "Dentist" }).getByRole("button").click();
  await off.getByText("Dentist").waitFor({ state: "detached" });
  await overrides.locator("li").first().getByRole("button").click();
  nothingWrong(desk.complaints, client.complaints);
  await Promise.all([desk.end(), client.end()]);
});

test("presence set by the expert is what a visitor reads", async () => {
  const expert = await ownExpert("Perry Presence");
  const desk = await person(expert.email, { password: SECRET });
  const visitor = await person(null);
  const page = await desk.tab("/live");
  const look = await visitor.tab(`/experts/${expert.id}`);
  for (const presence of ["Busy", "Online"]) {
    const saved = page.waitForResponse((response) => response.url().endsWith("/presence") && response.ok());
    await page.getByRole("button", { name: presence }).click();
    await saved;
    await open(look, `/experts/${expert.id}`);
    await look.locator(".profile .presence", { hasText: presence }).waitFor();
  }
  nothingWrong(desk.complaints, visitor.complaints);
  await Promise.all([desk.end(), visitor.end()]);
});
