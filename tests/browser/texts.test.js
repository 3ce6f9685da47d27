// The texts people receive: seen while they are typed, refused where they do not fit, kept as versions, withdrawn.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, nothingWrong, person, settled, signIn } from "./support/browser.js";

after(close);

const ADMIN = "admin@belfry.test";
// A text that no other test makes the house send.
const TEXT = "booking.kept/push/en";
const text = async () => (await call("GET", `/admin/templates/${TEXT}`, { token: (await signIn(ADMIN)).access_token })).body;

test("a text is written with a live preview, saved, found stale and taken back", async () => {
  const desk = await person(ADMIN, { expect: [422, 412] });
  const page = await desk.tab("/admin/texts?language=en");
  await page.getByLabel("About", { exact: true }).fill("booking.kept");
  await page.locator(`a[href="/admin/texts/${TEXT}"]`).click();
  await settled(page);
  const save = page.getByRole("button", { name: "Save", exact: true });
  assert.ok(await save.isDisabled());

  await page.getByLabel("Title", { exact: true }).fill("As it was: {{ other }}");
  await page.getByLabel("Text", { exact: true }).fill("Nothing changes for {{ nobody_knows_this }}.");
  await page.locator('textarea[aria-invalid="true"]').waitFor();
  await page.getByLabel("Text", { exact: true }).fill("Nothing changes for {{ me }}.");
  await page.locator('textarea[aria-invalid="true"]').waitFor({ state: "detached" });
  await page.locator(".preview-title", { hasText: /^As it was: \w+/ }).waitFor();
  assert.equal((await text()).source, "inbox", "a preview keeps nothing");
  await save.click();
  await page.getByText("Saved. It is sent from now on.").waitFor();
  assert.deepEqual((await text()).sections, { title: "As it was: {{ other }}", body: "Nothing changes for {{ me }}." });

  const { access_token: token } = await signIn(ADMIN);
  const theirs = { title: "Theirs", body: "Theirs, too" };
  assert.equal((await call("PUT", `/admin/templates/${TEXT}`, { token, body: { sections: theirs } })).status, 200);
  await page.getByLabel("Title", { exact: true }).fill("Mine");
  await save.click();
  await page.getByText("Somebody saved this text meanwhile.").waitFor();
  assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Mine");
  assert.deepEqual((await text()).sections, theirs);
  await page.getByRole("button", { name: "Load theirs" }).click();
  assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Theirs");
  await page.getByRole("button", { name: "Put into the form: version 1" }).click();
  assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "As it was: {{ other }}");

  await page.getByRole("button", { name: "Back to the built-in text" }).click();
  await page.getByRole("button", { name: "Yes, do it" }).click();
  await page.getByText("The built-in text is in force again").waitFor();
  assert.equal((await text()).source, "inbox");
  nothingWrong(desk.complaints);
  await desk.end();
});

test("a mail is seen as it is sent, in the language it is for", async () => {
  const desk = await person(ADMIN);
  const page = await desk.tab("/admin/texts/booking.created/email/vi");
  await page.locator(".preview-text .mail-body").waitFor();
  await page.waitForFunction(() => (document.querySelector(".preview-text .mail-body")?.shadowRoot?.textContent ?? "").trim().length > 40);
  const scenes = page.getByLabel("For", { exact: true });
  assert.ok((await scenes.locator("option").count()) > 2);
  const first = await page.locator(".preview-title").textContent();
  await scenes.selectOption({ index: (await scenes.locator("option").count()) - 1 });
  await page.waitForFunction((before) => document.querySelector(".preview-title")?.textContent !== before, first);
  nothingWrong(desk.complaints);
  await desk.end();
});
