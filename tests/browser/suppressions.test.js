// Addresses to which nothing is sent any more: found, explained, and lifted when somebody vouches for them.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, call, close, nothingWrong, open, person, settled, signIn } from "./support/browser.js";

after(close);

const ADMIN = "admin@belfry.test";

test("an address is found by text, channel and reason, and lifted after a question", async () => {
  const { access_token: token } = await signIn(ADMIN);
  const all = async (query = "") => (await call("GET", `/admin/suppressions?limit=100${query}`, { token })).body.items;
  const desk = await person(ADMIN);
  const page = await desk.tab("/admin/suppressions");
  await page.emulateMedia({ reducedMotion: "reduce" });
  const rows = page.locator(".table-row");
  assert.equal(await rows.count(), (await all()).length);
  await page.getByLabel("Channel").selectOption("email");
  await settled(page);
  await page.waitForFunction((count) => document.querySelectorAll(".table-row").length === count, (await all("&channel=email")).length);
  await page.getByLabel("Why").selectOption("complained");
  await page.getByText("tom@office.belfry.test").waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".table-row").length === 1);
  await page.getByRole("button", { name: "Send again to tom@office.belfry.test" }).click();
  await page.getByText("The person did this themselves.").waitFor();
  nothingWrong(await axe(page));
  await page.screenshot({ path: "shots/suppression-lift.png" });
  await page.keyboard.press("Escape");

  // An address with slashes, as browsers have, is lifted like any other.
  await open(page, "/admin/suppressions?channel=web_push");
  const { address } = (await all("&channel=web_push"))[0];
  await page.getByRole("button", { name: `Send again to ${address}` }).click();
  await page.locator("dialog").getByRole("button", { name: "Send again" }).click();
  await page.getByText("Messages go there again").waitFor();
  await rows.filter({ hasText: address }).waitFor({ state: "detached" });
  assert.deepEqual((await all("&channel=web_push")).filter((one) => one.address === address), []);
  await page.getByRole("searchbox", { name: "Address" }).fill("zzzz");
  await page.getByText("No address fits").waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});

test("those left behind by sending everything again are counted, with the way to their addresses", async () => {
  const { access_token: token } = await signIn(ADMIN);
  const [kept] = (await call("GET", "/admin/deliveries?limit=1", { token })).body.items;
  const desk = await person(ADMIN);
  const page = await desk.tab();
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.route(/\/api\/v1\/admin\/deliveries\?.*status=dead/, (route) => route.fulfill({ json: { items: [{ ...kept, status: "dead" }], next: null } }));
  await page.route(/\/api\/v1\/admin\/deliveries\/retry$/, (route) => route.fulfill({ json: { count: 4, suppressed: 2 } }));
  await open(page, "/admin/outbox?status=dead");
  await page.getByRole("button", { name: "Send all of these again" }).click();
  await page.getByRole("button", { name: "Yes, do it" }).click();
  await page.getByText("4 messages are back in the queue").waitFor();
  await page.getByText("2 messages were left as they are").waitFor();
  await page.getByRole("button", { name: "Suppressed addresses" }).click();
  await page.getByRole("heading", { name: "Suppressed addresses" }).waitFor();
  nothingWrong(desk.complaints);
  await desk.end();
});
