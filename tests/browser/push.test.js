// Push on this device: the switch, the service worker, what it shows, and where it leads. The house sends in earnest;
// only the push service between is ours, because a browser under test reaches no other.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, call, close, freeSlots, nothingWrong, person, settled, until } from "./support/browser.js";
import { booked, ownExpert, tokenOf } from "./support/branch.js";
import { pushService } from "./support/push_service.js";

after(close);

/** Somebody who signed up for this test alone, in a browser whose subscriptions lead to our push service. */
async function newcomer() {
  const email = `push-${Date.now()}-${Math.floor(Math.random() * 1e6)}@belfry.test`;
  const password = "a long enough word";
  const { status, body } = await call("POST", "/auth/register", { body: { email, password, name: "Pia Push", locale: "vi", time_zone: "Europe/Berlin" } });
  assert.equal(status, 201, JSON.stringify(body));
  const someone = await person(email, { password });
  const service = await pushService();
  await someone.context.grantPermissions(["notifications"]);
  await someone.context.addInitScript(({ endpoint, keys }) => {
    const kept = "belfry.test.subscription";
    const made = (key) => ({
      endpoint,
      options: { applicationServerKey: Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0)).buffer },
      toJSON: () => ({ endpoint, keys }),
      unsubscribe: async () => (localStorage.removeItem(kept), true),
    });
    PushManager.prototype.getSubscription = async () => (localStorage.getItem(kept) ? made(localStorage.getItem(kept)) : null);
    PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
      if (!userVisibleOnly) throw new DOMException("every push is to be seen", "NotAllowedError");
      localStorage.setItem(kept, applicationServerKey);
      return made(applicationServerKey);
    };
  }, service);
  const devices = async () => (await call("GET", "/me/devices", { token: someone.session.access_token })).body.items;
  return { ...someone, service, devices, end: async () => (await someone.end(), service.end()) };
}

/** A booking of theirs, which the expert confirms by hand: of what people do themselves they are not told by push. */
async function confirmed(token) {
  const expert = await ownExpert("Percy Push");
  const [slot] = await freeSlots(expert.id);
  const booking = await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });
  assert.equal((await call("POST", `/bookings/${booking.id}/confirm`, { token: await tokenOf(expert), body: {} })).status, 200);
  return booking;
}

/** The service worker of a page, and a way to hand it what a push service brought. */
async function worker(client, page) {
  // "Ready" is one that is still activating, too.
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready;
    if (active.state !== "activated") await new Promise((next) => active.addEventListener("statechange", next, { once: true }));
  });
  const protocol = await client.context.newCDPSession(page);
  const registered = new Promise((resolve) => {
    protocol.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && resolve(registrations[0].registrationId));
  });
  await protocol.send("ServiceWorker.enable");
  const registrationId = await registered;
  const origin = new URL(page.url()).origin;
  const [here] = client.context.serviceWorkers();
  return {
    here: here ?? (await client.context.waitForEvent("serviceworker")),
    deliver: (data) => protocol.send("ServiceWorker.deliverPushMessage", { origin, registrationId, data }),
  };
}

/** What the browser shows by now. */
const shown = (page) =>
  page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration("/");
    return (await registration.getNotifications()).map(({ title, body, lang, tag, data }) => ({ title, body, lang, tag, url: data.url }));
  });

/** Waits until the browser shows something of which this is so: it asks the server for the icon first. */
async function showing(page, fits) {
  let all;
  const there = async () => (all = await shown(page)).some(fits);
  await until("shown", there).catch(() => assert.fail(`it shows ${JSON.stringify(all)}`));
  return all;
}

const theSwitch = (page) => page.getByRole("switch", { name: "Push on this device" });

/** Switches push on and waits until the device is registered. */
async function switchOn(client, page) {
  const answered = page.waitForResponse((response) => response.request().method() === "POST" && response.url().endsWith("/me/devices"));
  await theSwitch(page).check();
  assert.equal((await answered).status(), 201);
  await page.getByRole("list", { name: "Devices that are told" }).waitFor();
  const devices = await client.devices();
  assert.deepEqual(devices.map(({ kind, address }) => [kind, address]), [["web_push", client.service.endpoint]]);
  assert.match(devices[0].label, /Chrome.*Linux/);
}

test("a server without push says so, and the switch cannot be used", async () => {
  const client = await newcomer();
  await client.context.route("**/api/v1/push/key", (route) => route.fulfill({ json: { public_key: null } }));
  const page = await client.tab("/me");
  await page.getByText("This server sends no pushes to browsers.").waitFor();
  assert.ok(await theSwitch(page).isDisabled());
  nothingWrong(client.complaints);
  await client.end();
});

test("push is switched on and off; the device is known meanwhile, and the choices say what is connected", async () => {
  const client = await newcomer();
  const page = await client.tab("/me");
  assert.ok(!(await theSwitch(page).isChecked()));
  await page.getByText("no device is switched on").waitFor();
  // The one step that is missing leads to the switch.
  await page.getByRole("button", { name: "Switch it on for this device" }).click();
  assert.ok(await theSwitch(page).evaluate((element) => element === document.activeElement));
  await switchOn(client, page);
  await page.getByText("no device is switched on").waitFor({ state: "detached" });
  await page.reload();
  await settled(page);
  assert.ok(await theSwitch(page).isChecked(), "it is remembered");
  await page.screenshot({ path: "shots/push-on.png", fullPage: true });
  nothingWrong(await axe(page));
  await theSwitch(page).uncheck();
  await page.getByText("no device is switched on").waitFor();
  assert.deepEqual(await client.devices(), []);
  nothingWrong(client.complaints);
  await client.end();
});

test("a push of the house is shown by the service worker, a repeat takes its place, and a click leads to the booking", async () => {
  const client = await newcomer();
  const page = await client.tab("/me");
  await switchOn(client, page);
  const { here, deliver } = await worker(client, page);
  const booking = await confirmed(client.session.access_token);
  const push = await until("a push came", () => client.service.next());
  await deliver(push);
  const [first] = await showing(page, ({ url }) => url.endsWith(`/bookings/${booking.id}`));
  assert.equal(first.lang, "vi");
  assert.match(first.title, /xác nhận/i);
  assert.ok(first.tag && first.body);
  await deliver(JSON.stringify({ ...JSON.parse(push), body: "again" }));
  const all = await showing(page, ({ body }) => body === "again");
  assert.equal(all.length, 1, "the repeat took the place of the first");

  // A browser lets a page be raised for a true click alone; all else is as it would be then.
  const clicked = () =>
    here.evaluate(async () => {
      const [notification] = await self.registration.getNotifications();
      self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
    });
  await here.evaluate(() => {
    WindowClient.prototype.focus = async function focus() {
      return this;
    };
    self.clients.openWindow = async (url) => void (self.opened = url);
  });
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await clicked();
  await page.waitForURL(`**/bookings/${booking.id}`);
  await settled(page);
  await page.getByText(booking.code).first().waitFor();
  await until("it is put away", async () => (await shown(page)).length === 0);

  // With no page open, one is opened there.
  await deliver(push);
  await showing(page, ({ url }) => url.endsWith(`/bookings/${booking.id}`));
  await page.close();
  await clicked();
  const opened = await until("opened", () => here.evaluate(() => self.opened));
  assert.ok(opened.endsWith(`/bookings/${booking.id}`), opened);
  nothingWrong(client.complaints);
  await client.end();
});

test("what is not ours is shown without harm, and leads to no other house", async () => {
  const client = await newcomer();
  const page = await client.tab("/me");
  await switchOn(client, page);
  const { here, deliver } = await worker(client, page);
  await deliver("no JSON");
  await showing(page, ({ title, url }) => title === "Belfry" && url === "/notifications");
  await here.evaluate(async () => {
    for (const one of await self.registration.getNotifications()) one.close();
    WindowClient.prototype.focus = async function focus() {
      self.raised = true;
      return this;
    };
  });
  await deliver(JSON.stringify({ title: "Elsewhere", url: "https://elsewhere.example/x" }));
  await showing(page, ({ title }) => title === "Elsewhere");
  await here.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  });
  await until("put away", async () => !(await shown(page)).length);
  assert.equal(await here.evaluate(() => self.raised ?? false), false);
  assert.ok(page.url().endsWith("/me"));
  nothingWrong(client.complaints);
  await client.end();
});
