// A booking whose clock shows another time than was agreed: the word in lists, what happened on its page, the way out.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { axe, close, freeSlots, nothingWrong, open, person } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

test("a clock change shows in the expert's lists and on the booking, where the time can be kept", async () => {
  const expert = await ownExpert("Clo Clock", { hours: { from: "08:00", until: "18:00" } });
  const { token } = await newClient("Tim Time");
  const [slot] = await freeSlots(expert.id);
  const booking = await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });

  // No zone changes its rules for a test, so the answers say that one has. What is kept is told to the real server.
  const desk = await person(expert.email, { password: SECRET });
  let kept = false;
  const moved = (one) => (one.id === booking.id && !kept ? { ...one, clock_moved: { promised: "2027-03-29T09:00", shown: "2027-03-29T10:00" }, actions: [...one.actions, "keep"] } : one);
  await desk.context.route(/\/api\/v1\/(bookings|experts\/[^/]+\/agenda)([/?]|$)/, async (route) => {
    const request = route.request();
    if (request.method() !== "GET" || /history|calendar|assignment/.test(request.url())) {
      kept ||= request.url().endsWith(`/bookings/${booking.id}/keep`);
      return route.continue();
    }
    const response = await route.fetch();
    const body = await response.json();
    await route.fulfill({ response, json: body.items ? { ...body, items: body.items.map(moved) } : moved(body) });
  });

  const page = await desk.tab("/live");
  await page.locator(`[data-booking="${booking.id}"]`).getByText("Clock change").waitFor();
  await open(page, `/agenda?view=day&date=${slot.starts_at.slice(0, 10)}`);
  await page.locator(".agenda-event.clock-moved", { hasText: "Clock change" }).waitFor();

  await open(page, `/bookings/${booking.id}`);
  const notice = page.getByRole("form", { name: "Clock change" });
  await notice.getByText(/Mon,? 29 Mar.*09:00.*Mon,? 29 Mar.*10:00/).waitFor();
  assert.ok(await notice.getByRole("button", { name: "Move" }).isVisible());
  const complaints = await axe(page);
  await notice.getByRole("button", { name: "Keep the time" }).click();
  await notice.waitFor({ state: "detached" });
  assert.ok(kept, "the server was told");
  nothingWrong(complaints, desk.complaints);
  await desk.end();
});
