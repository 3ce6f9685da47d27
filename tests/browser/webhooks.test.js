// Webhooks: made with a secret that is shown once, tried, read attempt by attempt, rotated, paused, sent again, ended.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import test, { after } from "node:test";
import { axe, call, close, nothingWrong, person, settled, signIn, until } from "./support/browser.js";

after(close);

const ADMIN = "admin@belfry.test";

/** Somebody's server on this machine: what it was told, and what it answers. */
async function receiver() {
  /** @type {{headers: import("node:http").IncomingHttpHeaders, body: string}[]} */
  const told = [];
  let status = 204;
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    told.push({ headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
    response.writeHead(status).end();
  });
  // A test that fails before its end must not hang on it.
  server.unref();
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    told,
    url: `http://127.0.0.1:${port}/in`,
    answer: (wanted) => void (status = wanted),
    end: () => new Promise((done) => (server.closeAllConnections(), server.close(() => done(null)))),
  };
}

/** Whether a receiver with this secret would believe it. */
function believed(secret, { headers, body }) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
  return String(headers["webhook-signature"]).split(" ").includes(`v1,${signature}`);
}

const inDialog = (page) => page.locator("dialog");

test("a webhook is made, tried, read, rotated, paused and deleted", async () => {
  const server = await receiver();
  const desk = await person(ADMIN, { expect: [422] });
  const page = await desk.tab("/admin/webhooks");
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.getByRole("link", { name: "Add a webhook" }).first().click();
  await settled(page);

  // What is wrong stands at its field.
  await page.getByLabel("Address").fill("ftp://example.com");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("An https address without a user name is expected.").waitFor();
  await page.getByLabel("Address").fill(server.url);
  await page.getByLabel("Name").fill("Our ledger");
  await page.getByLabel("Everything that happens").uncheck();
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("At least one is needed.").waitFor();
  // Of the other stories nothing gathers a day's messages, so nothing is sent to it but what is asked for here.
  await page.locator("summary", { hasText: "Daily messages" }).click();
  await page.getByLabel("A day's messages gathered").check();
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "The webhook is ready" }).waitFor();
  const secret = (await page.locator(".secret").textContent()) ?? "";
  assert.match(secret, /^whsec_/);
  nothingWrong(await axe(page));
  await page.screenshot({ path: "shots/webhook-secret.png", fullPage: true });
  await page.getByRole("button", { name: "I have kept it" }).click();
  await settled(page);
  const id = page.url().split("/").pop();
  assert.equal(await page.getByText(secret).count(), 0, "it was shown that once");
  await page.getByText("Nothing was sent").waitFor();

  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("The test arrived").waitFor();
  assert.equal(server.told.length, 1);
  assert.equal(JSON.parse(server.told[0].body).type, "webhook.test");
  assert.ok(believed(secret, server.told[0]));
  await page.locator(".table-row", { hasText: "Test" }).getByRole("button").click();
  await inDialog(page).locator(".attempts li").waitFor();
  await inDialog(page).getByText("webhook.test").first().waitFor();
  nothingWrong(await axe(page));
  await page.screenshot({ path: "shots/webhook-message.png" });
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Make a new secret" }).click();
  await inDialog(page).getByRole("button", { name: "Yes, do it" }).click();
  const fresh = (await inDialog(page).locator(".secret").textContent()) ?? "";
  assert.notEqual(fresh, secret);
  await inDialog(page).getByRole("button", { name: "I have kept it" }).click();
  await page.getByText("The old secret signs along until").waitFor();
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("The test arrived").first().waitFor();
  await page.waitForFunction((count) => document.querySelectorAll(".table-row").length === count, 2);
  await until("the second test came", () => server.told.length === 2);
  assert.ok(believed(secret, server.told[1]) && believed(fresh, server.told[1]), "both sign");

  await page.getByLabel("Name").fill("The ledger");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "The ledger" }).waitFor();
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("Somebody switched it off.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Send a test" }).isDisabled());
  await page.getByRole("button", { name: "Switch on again" }).click();
  await page.getByText("Somebody switched it off.").waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Delete this webhook" }).click();
  await inDialog(page).getByRole("button", { name: "Yes, do it" }).click();
  await page.getByRole("heading", { name: "Webhooks" }).waitFor();
  const { access_token: token } = await signIn(ADMIN);
  assert.equal((await call("GET", `/admin/webhooks/${id}`, { token })).status, 404);
  nothingWrong(desk.complaints);
  await desk.end();
  await server.end();
});

test("a server that is gone is switched off, says why, and is sent what it missed when it is back", async () => {
  const server = await receiver();
  const { access_token: token } = await signIn(ADMIN);
  // Of the other stories nothing gathers a day's messages.
  const { body: made } = await call("POST", "/admin/webhooks", { token, body: { url: server.url, events: ["digest.closed"] } });
  server.answer(410);
  const desk = await person(ADMIN);
  const page = await desk.tab(`/admin/webhooks/${made.id}`);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("The test did not arrive").waitFor();
  await page.getByText("the server said that it is gone (410)").waitFor();
  await page.locator(".badge", { hasText: "Switched off: gone" }).waitFor();
  nothingWrong(await axe(page));
  await page.screenshot({ path: "shots/webhook-gone.png", fullPage: true });

  server.answer(204);
  await page.getByRole("button", { name: "Switch on again" }).click();
  await page.locator(".badge", { hasText: /^On$/ }).waitFor();
  await page.getByRole("button", { name: "Send again what failed" }).click();
  nothingWrong(await axe(page));
  await inDialog(page).getByRole("button", { name: "Send again" }).click();
  await page.getByText("1 message is back in the queue").waitFor();
  await until("told again", () => server.told.length >= 2);
  assert.equal(server.told[1].headers["webhook-id"], server.told[0].headers["webhook-id"], "the same message");
  // Told is not yet noted.
  await until("it is noted as sent", async () => {
    await page.getByRole("button", { name: "Look again" }).click();
    return page.locator(".table-row .badge", { hasText: "Sent" }).isVisible();
  });

  // One by itself, too.
  server.answer(410);
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("the server said that it is gone (410)").waitFor();
  server.answer(204);
  await page.getByRole("button", { name: "Switch on again" }).click();
  // The page is drawn anew by it.
  await page.locator(".badge", { hasText: /^On$/ }).waitFor();
  await settled(page);
  await page.locator(".table-row", { hasText: "Given up" }).getByRole("button").click();
  await inDialog(page).getByRole("button", { name: "Try again" }).click();
  await page.getByText("It is back in the queue").waitFor();
  await until("told by itself", () => server.told.length >= 4);
  assert.equal(server.told.length, 4);
  nothingWrong(desk.complaints);
  await call("DELETE", `/admin/webhooks/${made.id}`, { token });
  await desk.end();
  await server.end();
});

test("somebody else's edit is shown and not written over", async () => {
  const { access_token: token } = await signIn(ADMIN);
  const { body: made } = await call("POST", "/admin/webhooks", { token, body: { url: "http://127.0.0.1:9/in", events: ["digest.closed"] } });
  const desk = await person(ADMIN, { expect: [412] });
  const page = await desk.tab(`/admin/webhooks/${made.id}`);
  await page.emulateMedia({ reducedMotion: "reduce" });
  assert.equal((await call("PATCH", `/admin/webhooks/${made.id}`, { token, body: { description: "Theirs" } })).status, 200);
  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("Somebody changed this webhook meanwhile").waitFor();
  await page.getByRole("heading", { name: "Theirs" }).waitFor();
  assert.equal((await call("GET", `/admin/webhooks/${made.id}`, { token })).body.enabled, true);
  await call("DELETE", `/admin/webhooks/${made.id}`, { token });
  nothingWrong(desk.complaints);
  await desk.end();
});
