// The agenda: dragging moves a booking, drawing over an empty stretch blocks it.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, freeSlots, live, nothingWrong, open, person, settled, until } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

const HOUR = 3_600_000;

/** The middle of a box, a little way down from its top. */
const grip = ({ x, y, width }, down = 12) => [x + width / 2, y + down];

async function drag(page, [fromX, fromY], [toX, toY]) {
  await page.mouse.move(fromX, fromY);
  await page.mouse.down();
  await page.mouse.move(fromX, fromY + 8, { steps: 3 });
  await page.mouse.move(toX, toY, { steps: 12 });
  await page.mouse.up();
}

test("dragging a booking to another hour moves it, and going back leaves it where it was", async () => {
  // By day, so that its hour and the next are on the screen.
  const expert = await ownExpert("Dara Dragged", { hours: { from: "09:00", until: "13:00" } });
  const minutes = expert.booking_rules.minutes[0];
  const { token } = await newClient("Ann Agenda");
  // The first of a day, so that the hours after it are free.
  const clock = (at, timeZone) => new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(new Date(at));
  const slot = (await freeSlots(expert.id, { minutes })).find(({ starts_at: at }) => clock(at, expert.time_zone) === "09:00");
  const booking = await booked(token, { expert_id: expert.id, starts_at: slot.starts_at, minutes });
  const desk = await person(expert.email, { password: SECRET });
  // The page is to be told of nothing more while the mouse is down.
  await until("the expert was told", async () => (await call("GET", "/notifications/unread-count", { token: desk.session.access_token })).body.unread > 0);

  const zone = desk.session.user.time_zone;
  const date = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(slot.starts_at));
  const page = await desk.tab();
  await open(page, `/agenda?view=day&date=${date}`);
  await live(page);
  const time = clock(slot.starts_at, zone);
  const event = page.locator(".agenda-event", { hasText: booking.client.name }).filter({ hasText: time });
  await event.scrollIntoViewIfNeeded();
  const before = await event.boundingBox();
  // An hour is as high as two rows of half an hour; the event itself gives the scale.
  const hour = (before.height / minutes) * 60;
  const down = async () => {
    const box = await event.boundingBox();
    await drag(page, grip(box), grip({ ...box, y: box.y + hour }));
  };

  await down();
  const dialog = page.locator("dialog");
  await dialog.getByRole("button", { name: "Back" }).waitFor();
  // News draw the agenda anew, but not what somebody is deciding about.
  const reread = page.waitForResponse((response) => response.url().includes("/time-off?") && response.ok());
  const { token: other } = await newClient("Ned News");
  await booked(other, { expert_id: expert.id, starts_at: new Date(Date.parse(slot.starts_at) + 3 * HOUR).toISOString(), minutes });
  await reread;
  await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next))));
  assert.ok(Math.abs((await event.boundingBox()).y - before.y - hour) < 3, "it lies where it was dropped");
  await dialog.getByRole("button", { name: "Back" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.waitForFunction(([text, top]) => {
    const one = [...document.querySelectorAll(".agenda-event")].find((candidate) => candidate.textContent.includes(text));
    return one && Math.abs(one.getBoundingClientRect().top - top) < 3;
  }, [time, before.y]);
  await page.locator(".agenda-event", { hasText: "Ned News" }).waitFor();

  await down();
  await dialog.getByRole("button", { name: "Move", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
  const moved = await call("GET", `/bookings/${booking.id}`, { token });
  assert.equal(Date.parse(moved.body.starts_at), Date.parse(slot.starts_at) + HOUR);
  nothingWrong(desk.complaints);
  await desk.end();
});

test("drawing over an empty stretch blocks it, and it can be opened again", async () => {
  const expert = await ownExpert("Blocked Bo");
  const desk = await person(expert.email, { password: SECRET });
  const date = new Date(Date.now() + 16 * 24 * HOUR).toISOString().slice(0, 10);
  const page = await desk.tab();
  await open(page, `/agenda?view=day&date=${date}`);
  const day = page.locator(".ec-time-grid .ec-body .ec-day, .ec-time-grid .ec-day").last();
  await day.waitFor();
  const reason = `Away ${Date.now()}`;
  const box = await day.boundingBox();
  const view = page.viewportSize().height;
  // Low on the screen but above its edge.
  const top = Math.min(box.y + 60, view - 200);
  await drag(page, [box.x + box.width - 30, top], [box.x + box.width - 30, top + 70]);
  const dialog = page.locator("dialog");
  await dialog.waitFor();
  const dialogTime = dialog.getByLabel("From").inputValue().then((value) => value.slice(11, 16));
  await dialog.getByLabel(/^Reason/).fill(reason);
  await dialog.getByRole("button", { name: "Block time" }).click();
  await dialog.waitFor({ state: "detached" });
  const block = page.locator(".agenda-event.off", { hasText: reason });
  await block.waitFor();
  const off = (await call("GET", `/experts/${expert.id}/time-off?limit=100`, { token: desk.session.access_token })).body.items.find((one) => one.reason === reason);
  assert.ok(Date.parse(off.ends_at) - Date.parse(off.starts_at) >= HOUR / 2);
  // What was drawn at one hour of the screen is not saved as another hour of the zone.
  const shown = new Intl.DateTimeFormat("en-GB", { timeZone: desk.session.user.time_zone, dateStyle: "short", timeStyle: "short" }).format(new Date(off.starts_at));
  assert.equal(shown, `${date.split("-").reverse().join("/")}, ${await dialogTime}`);

  await block.getByRole("button").click();
  await dialog.getByRole("button", { name: "Open this time again" }).click();
  await block.waitFor({ state: "detached" });
  await settled(page);
  nothingWrong(desk.complaints);
  await desk.end();
});
