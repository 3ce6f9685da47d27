// Signing up, in and out.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { PASSWORD, close, freeSlots, nothingWrong, open, person, settled } from "./support/browser.js";
import { ownExpert } from "./support/branch.js";

after(close);

test("a visitor signs up on the way to a slot and comes back to it", async () => {
  const expert = await ownExpert("Door Dara");
  const minutes = expert.booking_rules.minutes[0];
  const [slot] = await freeSlots(expert.id, { minutes });
  const visitor = await person(null, { expect: [422] });
  const page = await visitor.tab(`/experts/${expert.id}?at=${encodeURIComponent(slot.starts_at)}&minutes=${minutes}`);
  await page.locator(".book").getByRole("link", { name: "Create an account" }).click();

  // What is wrong is said at its field.
  await page.getByLabel("Name").fill("Nora Vinter");
  await page.getByLabel("E-mail").fill(`nora-${Date.now()}@belfry.test`);
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Create the account" }).click();
  const password = page.getByLabel("Password");
  await page.locator('input[name="password"][aria-invalid="true"]').waitFor();
  assert.ok(await password.evaluate((field) => document.getElementById(field.getAttribute("aria-describedby").split(" ").pop()).textContent.length > 5));
  await password.fill("a long enough phrase");
  await page.getByRole("button", { name: "Create the account" }).click();
  await page.locator(".hold-clock").waitFor();
  await page.getByRole("button", { name: /Menu of Nora/ }).waitFor();

  // The account outlives a reload, and signing out ends it.
  await page.reload();
  await page.getByRole("button", { name: /Menu of Nora/ }).click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("link", { name: "Sign in" }).first().waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem("belfry.refresh")), null);
  nothingWrong(visitor.complaints);
  await visitor.end();
});

test("a wrong password says so, and the right one leads where one wanted to go", async () => {
  const visitor = await person(null, { expect: [401] });
  const page = await visitor.tab("/bookings?when=past");
  await page.waitForURL(/\/login\?next=/);
  await page.getByLabel("E-mail").fill("client5@belfry.test");
  await page.getByLabel("Password").fill("not the password");
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.locator("form").getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/\/bookings\?when=past$/);
  nothingWrong(visitor.complaints);
  await visitor.end();
});

test("a forgotten password is answered the same for everybody", async () => {
  const visitor = await person(null);
  const page = await visitor.tab("/login");
  await page.getByRole("link", { name: "Forgotten the password?" }).click();
  await page.getByLabel("E-mail").fill("nobody-at-all@belfry.test");
  await page.getByRole("button", { name: "Send the link" }).click();
  await page.getByText("Look into your mail").waitFor();
  await open(page, "/reset");
  await page.getByText("This link is not complete").waitFor();
  nothingWrong(visitor.complaints);
  await visitor.end();
});

test("signing out in one tab signs the other out, and a language chosen once stays", async () => {
  const client = await person("client5@belfry.test");
  const first = await client.tab("/me");
  const second = await client.tab("/bookings");
  await first.getByRole("button", { name: "Sign out here" }).click();
  await second.waitForURL(/\/login/);

  await second.getByRole("button", { name: "Language and colours" }).click();
  await second.getByRole("button", { name: "Tiếng Việt" }).click();
  await second.getByRole("heading", { level: 1, name: "Đăng nhập" }).waitFor();
  assert.equal(await second.evaluate(() => document.documentElement.lang), "vi");
  nothingWrong(client.complaints);
  await client.end();
});

test("the profile is saved, and a picture is uploaded and removed", async () => {
  const client = await person("client4@belfry.test", { expect: [422] });
  const page = await client.tab("/me");
  await page.getByLabel("A few words about you").fill("Runs, reads, books in advance.");
  await page.getByLabel("Phone").fill("12 34");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator('input[name="phone"][aria-invalid="true"]').waitFor();
  await page.getByLabel("Phone").fill("+84 912 345 678");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".toast.good").waitFor();
  await page.reload();
  await settled(page);
  assert.equal(await page.getByLabel("Phone").inputValue(), "+84912345678");

  const png = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const paint = canvas.getContext("2d");
    paint.fillStyle = "teal";
    paint.fillRect(0, 0, 64, 64);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await page.locator('input[type="file"]').setInputFiles({ name: "me.png", mimeType: "image/png", buffer: Buffer.from(png) });
  const picture = page.locator("main img.avatar");
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector("main img.avatar").naturalWidth > 0);
  await page.getByRole("button", { name: "Remove" }).click();
  await picture.waitFor({ state: "detached" });
  nothingWrong(client.complaints);
  await client.end();
});
