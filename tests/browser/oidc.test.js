// Signing in through a provider: the real pages of the house and of a real provider, there and back.
import assert from "node:assert/strict";
import { join } from "node:path";
import test, { after } from "node:test";
import { BASE, axe, call, close, nothingWrong, open, person, settled } from "./support/browser.js";

after(close);

const SHOTS = join(import.meta.dirname, "shots");
const { body: offered } = await call("GET", "/auth/oidc");
const skip = offered.available ? false : "the server has no provider; scripts/browser.sh starts one";
const THERE = /^http:\/\/localhost:/;

/** Leaves by the button of the log-in page. */
async function leave(page) {
  await page.getByRole("button", { name: "Sign in with The Office" }).click();
  await page.waitForURL(THERE);
}

/** Somebody without a session. The provider's pages would fetch their letters from elsewhere. */
async function stranger(expect) {
  const visitor = await person(null, { expect });
  await visitor.context.route(/fonts\.googleapis\.com/, (route) => route.fulfill({ contentType: "text/css", body: "" }));
  return visitor;
}

/** Says at the provider who it is and, when it asks, that the house may know. */
async function say(page, who, asked = true) {
  await page.locator('input[name="login"]').fill(who);
  await page.locator('input[name="password"]').fill("any");
  await page.getByRole("button", { name: /sign.?in/i }).click();
  if (asked) await page.getByRole("button", { name: /continue/i }).click();
}

/** Every width and theme of a page that cannot be opened again. */
async function inspect(page, name, found) {
  for (const width of [360, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      for (const violation of await axe(page)) found.push(`${name} ${width} ${colorScheme}: ${violation}`);
      await page.screenshot({ path: join(SHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) found.push(`${name} ${width}: ${wide} px too wide`);
  }
}

test("an administrator signs in through the provider, turns back, and removes the way", { skip }, async () => {
  const admin = await stranger([403]);
  const page = await admin.tab("/login?next=/admin/people?role=expert");
  const found = [];
  await inspect(page, "login-oidc", found);
  await leave(page);
  await say(page, "admin@belfry.test");
  await page.waitForURL(/\/admin\/people\?role=expert$/);
  await settled(page);

  // It is a session like any other, and no address that was passed through leads back to it.
  await page.reload();
  await settled(page);
  assert.ok(await page.evaluate(() => localStorage.getItem("belfry.refresh")));
  const kept = (await admin.context.cookies(BASE)).filter((cookie) => cookie.name.includes("belfry"));
  assert.deepEqual(kept, [], "what was needed on the way is left over");
  await open(page, "/me");
  const card = page.locator("section", { has: page.getByRole("heading", { name: "Other ways to sign in" }) });
  await card.getByText("The Office").waitFor();
  await inspect(page, "me-sign-ins", found);

  // Whoever signed out is asked who it is the next time, and may turn back.
  await page.getByRole("button", { name: "Sign out here" }).click();
  await page.getByRole("link", { name: "Sign in" }).first().click();
  await leave(page);
  await page.locator('input[name="login"]').waitFor();
  await page.getByRole("link", { name: /cancel/i }).click();
  await page.getByText("The provider did not let you through").waitFor();
  assert.doesNotMatch(page.url(), /state=/, "what the provider gave along stays in the address");
  await inspect(page, "oidc-denied", found);
  await page.getByRole("button", { name: "Begin again" }).click();
  await page.waitForURL(THERE);
  await say(page, "admin@belfry.test", false);
  // Back to where the way began.
  await page.waitForURL(`${BASE}/`);
  await page.getByRole("button", { name: /Menu of Ada/ }).waitFor();

  await open(page, "/me");
  await card.getByRole("button", { name: "Remove The Office" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await card.waitFor({ state: "detached" });
  nothingWrong(found, admin.complaints);
  await admin.end();
});

test("whoever is no administrator is told so, and an address is of no use twice", { skip }, async () => {
  const visitor = await stranger([403, 410]);
  const page = await visitor.tab("/login");
  const found = [];
  await leave(page);
  await say(page, "client1@belfry.test");
  await page.getByText("This way in is for administrators").waitFor();
  await inspect(page, "oidc-not-allowed", found);
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("belfry.refresh")), null);

  await page.goto(`${BASE}/auth/oidc/callback?state=made-up&code=made-up`);
  await page.getByText("This sign-in no longer counts").waitFor();
  await page.getByRole("link", { name: "Sign in with a password" }).click();
  await page.getByLabel("Password").waitFor();
  nothingWrong(found, visitor.complaints);
  await visitor.end();
});
