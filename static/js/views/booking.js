// One booking: what, when, where, what happened, what can be done now. With ?booked=1 it is the page after booking.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useAt, useLoad } from "../load.js";
import { Act, Edit, Move, ReviewForm } from "../parts/booking_actions.js";
import { otherSide } from "../parts/booking_row.js";
import { BookingFacts, CancelLimit } from "../parts/booking_facts.js";
import { CalendarFile } from "../parts/calendar_file.js";
import { CheckInButton } from "../parts/check_in.js";
import { ClockNotice } from "../parts/clock_moved.js";
import { AssignmentCard } from "../parts/assignment.js";
import { SeriesCard } from "../parts/series_card.js";
import { Icon } from "../parts/icon.js";
import { Stars } from "../parts/stars.js";
import { Failed, Skeleton } from "../parts/states.js";
import { Status } from "../parts/status.js";
import { Timeline } from "../parts/timeline.js";
import { When } from "../parts/time.js";
import { user } from "../session.js";
import { onNews, onResync, onTopic } from "../socket.js";

/** @import { Booking, Verb } from "../types.js" */

/** @type {[Verb, string][]} */
const buttons = [["confirm", "check"], ["reschedule", "move"], ["edit", "edit"], ["complete", "check"], ["miss", "offline"], ["reject", "ban"], ["cancel", "cross"]];

/** @param {{params: {id: string}, query: URLSearchParams}} props */
export default function BookingPage({ params: { id }, query }) {
  const page = useLoad(async () => {
    const [booking, history] = await Promise.all([api.read(`/bookings/${id}`), api.get(`/bookings/${id}/history`)]);
    return { booking: /** @type {Booking} */ (booking.data), etag: booking.etag, history: history.items };
  }, [id]);
  const [doing, setDoing] = useState(/** @type {Verb | null} */ (null));

  useEffect(() => {
    const stops = [
      onNews((one) => void (one.data?.booking_id === id && page.refresh())),
      onTopic(`booking:${id}`, page.refresh),
      onResync(page.refresh),
    ];
    return () => stops.forEach((stop) => stop());
  }, [page.refresh]);

  const shown = page.data?.booking;
  useAt([shown?.cancel_until, shown?.starts_at], page.refresh);

  if (page.loading) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (page.error || !page.data) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;
  const { booking, history, etag } = page.data;
  const done = () => {
    setDoing(null);
    page.refresh();
  };
  const dialog = { booking, onClose: () => setDoing(null), onDone: done };
  const staff = user.value && user.value.role !== "user" && user.value.id !== booking.client.id;
  const justBooked = query.get("booked") === "1";
  return html`
    ${justBooked
      ? html`<${Booked} booking=${booking} />`
      : html`<header class="page-head">
          <p><a class="back" href="/bookings"><${Icon} name="left" size=${18} />${t("bookings.title")}</a></p>
          <div class="row wrap between"><h1>${t("booking.with", { name: otherSide(booking) })}</h1><span aria-live="polite"><${Status} status=${booking.status} /></span></div>
        </header>`}
    <div class="columns main-aside">
      <div class="stack">
        <${ClockNotice} booking=${booking} onMove=${() => setDoing("reschedule")} onDone=${done} />
        <${BookingFacts} booking=${booking} />
        ${booking.actions.includes("review") && !booking.review && html`<${ReviewForm} booking=${booking} onDone=${done} />`}
        ${booking.review && html`<section class="card"><h2>${t("review.given")}</h2><p><${Stars} stars=${booking.review.stars} /></p>${booking.review.text && html`<p class="prose">${booking.review.text}</p>`}</section>`}
      </div>
      <div class="stack">
        <section class="card" aria-label=${t("booking.actions")}>
          <h2>${t("booking.actions")}</h2>
          <div class="action-list">
            ${booking.client.id === user.value?.id && html`<${CheckInButton} booking=${booking} />`}
            ${buttons.filter(([verb]) => booking.actions.includes(verb)).map(
              ([verb, icon]) => html`<button key=${verb} type="button" class=${verb === "confirm" ? "button primary" : verb === "cancel" || verb === "reject" ? "button quiet-danger" : "button"} data-verb=${verb} onClick=${() => setDoing(verb)}><${Icon} name=${icon} size=${18} />${t(`act.${verb}`)}</button>`,
            )}
            ${!justBooked && html`<${CalendarFile} id=${booking.id} code=${booking.code} />`}
            ${user.value?.role === "admin" && html`<a class="button" href=${`/admin/explain?subject=booking/${booking.id}`}><${Icon} name="why" size=${18} />${t("booking.why")}</a>`}
          </div>
          <${CancelLimit} booking=${booking} />
        </section>
        ${booking.series && html`<${SeriesCard} booking=${booking} />`}
        ${staff && html`<${AssignmentCard} id=${booking.id} />`}
        <section class="card"><h2>${t("booking.history")}</h2><${Timeline} entries=${history} /></section>
      </div>
    </div>
    ${(doing === "confirm" || doing === "reject" || doing === "cancel" || doing === "complete" || doing === "miss") && html`<${Act} verb=${doing} ...${dialog} />`}
    ${doing === "edit" && html`<${Edit} etag=${etag} ...${dialog} />`}
    ${doing === "reschedule" && html`<${Move} ...${dialog} />`}`;
}

/** @param {{booking: Booking}} props */
const Booked = ({ booking }) => html`
  <header class="page-head booked">
    <span class="booked-mark"><${Icon} name="check" size=${28} /></span>
    <h1>${t(booking.status === "confirmed" ? "booked.confirmed" : "booked.pending")}</h1>
    <p class="row wrap" aria-live="polite"><strong><${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></strong><${Status} status=${booking.status} /></p>
    <p class="booked-code"><span class="soft">${t("booking.code")}</span><strong class="code">${booking.code}</strong></p>
    <div class="actions"><${CalendarFile} id=${booking.id} code=${booking.code} /><a href="/bookings">${t("booked.all")}</a></div>
    <div class="next-steps">
      <h2>${t("booked.next")}</h2>
      <ol>
        ${booking.status === "pending" && html`<li>${t("booked.next_confirm", { name: booking.expert.name })}</li>`}
        <li>${t("booked.next_mail")}</li>
        <li>${t("booked.next_reminder")}</li>
        <li>${t("booked.next_code")}</li>
      </ol>
    </div>
  </header>`;
