// The whole story in a real browser: find, book, confirm, hear of it at once, edit, move, cancel, review.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { BASE, BEHIND, call, close, freeSlots, live, nothingWrong, open, person, settled, signIn, until } from "./support/browser.js";
import { SECRET, booked, newClient, ownExpert } from "./support/branch.js";

after(close);

/** Goes from the list to the form of one free slot, by clicks alone. */
async function chooseSlot(page, expert, slot) {
  await open(page, "/");
  await page.getByRole("searchbox").fill(expert.name);
  await page.waitForURL(/query=/);
  await settled(page);
  await page.getByRole("link", { name: expert.name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: expert.name }).waitFor();
  await settled(page);
  await pickSlot(page, slot);
}

/** Picks a time in the month and the day grid, turning the month when needed. */
async function pickSlot(page, slot) {
  const zone = await page.locator(".picker select").inputValue();
  const date = new Intl.DateTimeFormat("en-CA", { timeZone: zone }).format(new Date(slot.starts_at));
  const day = page.locator(`.month [data-date="${date}"]`);
  if (!(await day.count())) await page.getByRole("button", { name: "Next month" }).click();
  await page.locator(`.month [data-date="${date}"].free`).click();
  await page.locator(`.slots [data-at="${slot.starts_at}"]`).click();
}

test("a client books, the expert's open page shows it at once and confirms, and the client sees that live", async () => {
  const expert = await ownExpert(`Stella Story ${Date.now()}`);
  const [slot, , , elsewhere] = await freeSlots(expert.id);
  const { email, token: theirs } = await newClient("Cleo Client");
  const client = await person(email, { password: SECRET });
  const desk = await person(expert.email, { password: SECRET });
  const admin = await person("admin@belfry.test");

  const inbox = await desk.tab("/live");
  await live(inbox);
  const page = await client.tab();
  await chooseSlot(page, expert, slot);

  await page.locator(".hold-clock").waitFor();
  const note = `What should I bring? ${Date.now()}`;
  await page.getByRole("button", { name: "In person" }).click();
  await page.getByLabel("Note").fill(note);
  await page.getByRole("button", { name: /Ask for this time|Book this time/ }).click();
  await page.waitForURL(/\/bookings\/.+booked=1/);
  await live(page);
  const id = new URL(page.url()).pathname.split("/").pop();
  const code = (await page.locator(".booked-code .code").textContent()).trim();
  assert.match(code, /^\d{6}$/);

  // The expert's page was open all the time and is not touched.
  const request = inbox.locator(`[data-booking="${id}"]`);
  await request.waitFor();
  assert.match(await request.textContent(), new RegExp(note.replace("?", "\\?")));
  await request.getByRole("button", { name: "Confirm" }).click();
  await inbox.getByRole("button", { name: "Undo" }).waitFor();
  await page.locator(".booked .badge.confirmed").waitFor(BEHIND);

  // The mail with the calendar file is in the outbox.
  const outbox = await admin.tab(`/admin/outbox?query=${encodeURIComponent(email)}`);
  const { access_token: token } = admin.session;
  const invitation = await until("a mail to the client with the code and an invitation", async () => {
    const mails = await call("GET", `/admin/deliveries?query=${encodeURIComponent(email)}&limit=10`, { token });
    for (const mail of mails.body.items) {
      const { body } = await call("GET", `/admin/deliveries/${mail.id}`, { token });
      if (body.text?.includes(code) && body.attachments?.some((file) => file.text.includes("METHOD:REQUEST"))) return body;
    }
  });
  await open(outbox, `/admin/outbox?open=${invitation.id}`);
  await outbox.getByText("text/calendar").first().waitFor();
  await outbox.locator(".mail-body").waitFor();

  // Edit, then move: the expert has to confirm again, unless the rules do it.
  await open(page, `/bookings/${id}`);
  await page.locator('[data-verb="edit"]').click();
  await page.getByLabel("Note").fill(`${note} And a pen.`);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("And a pen.").first().waitFor();
  await page.locator('[data-verb="reschedule"]').click();
  await pickSlot(page, elsewhere);
  await page.locator("dialog").getByRole("button", { name: "Move", exact: true }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.getByText("Moved").first().waitFor();
  const moved = await call("GET", `/bookings/${id}`, { token: theirs });
  assert.equal(Date.parse(moved.body.starts_at), Date.parse(elsewhere.starts_at));

  // Cancel with a reason; both sides read it.
  await page.locator('[data-verb="cancel"]').click();
  await page.getByLabel(/^Reason/).fill("The trains are on strike.");
  await page.locator("dialog").getByRole("button", { name: "Cancel the booking" }).click();
  await page.locator(".page-head .badge.cancelled").waitFor();
  await page.locator(".timeline").getByText("The trains are on strike.").waitFor();
  await open(inbox, `/bookings/${id}`);
  await inbox.getByText("The trains are on strike.").first().waitFor();

  nothingWrong(client.complaints, desk.complaints, admin.complaints);
  await Promise.all([client, desk, admin].map((one) => one.end()));
});

test("a client reviews what is completed, once", async () => {
  const words = `I left with a plan, and with ${Date.now()} ideas.`;
  for (let n = 1; n <= 5; n++) {
    const email = `client${n}@belfry.test`;
    const { access_token: token } = await signIn(email);
    const { body } = await call("GET", "/bookings?status=completed&limit=100", { token });
    const booking = body.items.find((one) => one.actions.includes("review"));
    if (!booking) continue;
    const client = await person(email);
    const page = await client.tab(`/bookings/${booking.id}`);
    await page.getByRole("button", { name: "Send the review" }).click();
    await page.getByText("Choose one to five stars.").waitFor();
    await page.locator(".star-picker label").nth(3).click();
    await page.getByLabel("A few words").fill(words);
    await page.getByRole("button", { name: "Send the review" }).click();
    await page.getByRole("heading", { name: "Your review" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Send the review" }).count(), 0);
    await open(page, `/experts/${booking.expert.id}`);
    await page.locator(".reviews").getByText(words).first().waitFor();
    nothingWrong(client.complaints);
    return client.end();
  }
  assert.fail("no demo client has a completed booking without a review");
});

test("the calendar file is handed over as a file", async () => {
  const expert = await ownExpert("Cal Calendar");
  const { email, token } = await newClient("Fay Files");
  const [slot] = await freeSlots(expert.id);
  await booked(token, { expert_id: expert.id, starts_at: slot.starts_at });
  const client = await person(email, { password: SECRET });
  const page = await client.tab("/bookings");
  // Nothing more is told of it while it is clicked.
  await live(page);
  await page.locator(".booking-row a").first().click();
  await page.waitForURL(`${BASE}/bookings/*-*`);
  await settled(page);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Add to calendar" }).click();
  assert.match((await download).suggestedFilename(), /^booking-\d+\.ics$/);
  nothingWrong(client.complaints);
  await client.end();
});
