// A booking as its guest manages it, by the link in the mail or right after booking: see, move, cancel, put it in the
// calendar, without an account.
import { useMemo, useState } from "preact/hooks";
import { Problem, api, apiAs } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useAt, useLoad } from "../load.js";
import { Act, Move } from "../parts/booking_actions.js";
import { BookingFacts, CancelLimit } from "../parts/booking_facts.js";
import { CalendarFile } from "../parts/calendar_file.js";
import { ClockNotice } from "../parts/clock_moved.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { Status } from "../parts/status.js";
import { When } from "../parts/time.js";
import { Timeline } from "../parts/timeline.js";
import { go } from "../router.js";
import { useRun } from "../run.js";
import { user } from "../session.js";
import { house, say } from "../store.js";

/** @import { Booking } from "../types.js" */

/** @param {{params: {token: string}, query: URLSearchParams}} props */
export default function GuestBooking({ params: { token }, query }) {
  const via = useMemo(() => apiAs(token), [token]);
  const page = useLoad(async () => {
    const booking = /** @type {Booking} */ (await api.post("/bookings/lookup/link", { token }, { public: true }));
    return { booking, history: (await via.get(`/bookings/${booking.id}/history`)).items };
  }, [token]);
  const [doing, setDoing] = useState(/** @type {"cancel" | "reschedule" | null} */ (null));
  const shown = page.data?.booking;
  useAt([shown?.cancel_until, shown?.starts_at], page.refresh);

  if (page.loading) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (page.error instanceof Problem && page.error.status === 404) {
    return html`<${Empty} page icon="ticket" title=${t("guest.ended")} text=${t("guest.ended_text")}>
      <a class="button primary" href="/lookup">${t("lookup.title")}</a>
      ${!user.value && html`<a class="button" href="/login?next=/bookings">${t("nav.login")}</a>`}
    <//>`;
  }
  if (page.error || !page.data) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;
  const { booking, history } = page.data;
  const done = () => {
    setDoing(null);
    page.refresh();
  };
  const dialog = { booking, via, onClose: () => setDoing(null), onDone: done };
  const may = (/** @type {any} */ verb) => booking.actions.includes(verb);
  const justBooked = query.get("booked") === "1" && (booking.status === "pending" || booking.status === "confirmed");
  return html`
    ${justBooked
      ? html`<${Booked} booking=${booking} />`
      : html`<header class="page-head"><div class="row wrap between"><h1>${t("booking.with", { name: booking.expert.name })}</h1><span aria-live="polite"><${Status} status=${booking.status} /></span></div></header>`}
    <div class="columns main-aside">
      <div class="stack">
        <${ClockNotice} booking=${booking} via=${via} onMove=${() => setDoing("reschedule")} onDone=${done} />
        <${BookingFacts} booking=${booking} asClient />
      </div>
      <div class="stack">
        <section class="card" aria-label=${t("booking.actions")}>
          <h2>${t("booking.actions")}</h2>
          <div class="action-list">
            ${may("reschedule") && html`<button type="button" class="button" data-verb="reschedule" onClick=${() => setDoing("reschedule")}><${Icon} name="move" size=${18} />${t("act.reschedule")}</button>`}
            <${CalendarFile} id=${booking.id} code=${booking.code} via=${via} />
            ${may("cancel") && html`<button type="button" class="button quiet-danger" data-verb="cancel" onClick=${() => setDoing("cancel")}><${Icon} name="cross" size=${18} />${t("act.cancel")}</button>`}
            ${!may("cancel") && html`<a class="button" href=${`/experts/${booking.expert.id}`}><${Icon} name="calendar" size=${18} />${t("guest.again")}</a>`}
          </div>
          <${CancelLimit} booking=${booking} />
        </section>
        <section class="card"><h2>${t("booking.history")}</h2><${Timeline} entries=${history} /></section>
        <${Claim} />
      </div>
    </div>
    ${doing === "cancel" && html`<${Act} verb="cancel" ...${dialog} />`}
    ${doing === "reschedule" && html`<${Move} ...${dialog} />`}`;
}

/** @param {{booking: Booking}} props */
const Booked = ({ booking }) => html`
  <header class="page-head booked">
    <span class="booked-mark"><${Icon} name="check" size=${28} /></span>
    <h1>${t(booking.status === "confirmed" ? "booked.confirmed" : "booked.pending")}</h1>
    <p class="row wrap" aria-live="polite"><strong><${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></strong><${Status} status=${booking.status} /></p>
    <p class="booked-code"><span class="soft">${t("booking.code")}</span><strong class="code">${booking.code}</strong></p>
    <div class="next-steps">
      <h2>${t("booked.next")}</h2>
      <ol>
        ${booking.status === "pending" && html`<li>${t("guest.next_confirm", { name: booking.expert.name })}</li>`}
        <li>${t("guest.next_mail")}</li>
        <li>${t("booked.next_reminder")}</li>
        <li>${t("booked.next_code")}</li>
      </ol>
    </div>
  </header>`;

/** How the booking comes into an account. */
function Claim() {
  const [busy, run] = useRun();
  const claim = () =>
    run(async () => {
      const { claimed } = await api.post("/bookings/claim");
      say(t(claimed ? "guest.claimed" : "guest.claimed_none"), { tone: claimed ? "good" : "bad" });
      if (claimed) go("/bookings");
    });
  return html`<section class="card">
    <h2>${t("guest.claim_title")}</h2>
    ${user.value
      ? html`<p>${t("guest.claim_signed", { email: user.value.email })}</p>
          <div class="actions"><button class="button" type="button" disabled=${busy} onClick=${claim}>${t("guest.claim")}</button></div>`
      : html`<p>${t("guest.claim_text")}</p>
          <div class="actions">${house.value.registration && html`<a class="button" href="/register">${t("nav.register")}</a>`}<a class="button" href="/login?next=${encodeURIComponent(location.pathname)}">${t("nav.login")}</a></div>`}
  </section>`;
}
