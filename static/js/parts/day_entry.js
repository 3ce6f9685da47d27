// One entry of a day, opened: what it is, and everything that may be done with it, in place.
import { now } from "../api.js";
import { counts } from "../day.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { formatDate, formatLength, formatTime, dateIn, today } from "../time.js";
import { Mode } from "./booking_row.js";
import { ClockNotice } from "./clock_moved.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { Status } from "./status.js";
import { VisitState } from "./visit_state.js";

/** @import { Arrival, Entry } from "../day.js" */
/** @import { Booking, Verb } from "../types.js" */

/** @typedef {Exclude<Verb, "edit" | "review"> | "check-in"} Doing */

/** In the order in which they are likely. @type {[Doing, icon: string][]} */
const deeds = [["confirm", "check"], ["check-in", "pin"], ["keep", "clock"], ["complete", "check"], ["miss", "offline"], ["reschedule", "move"], ["reject", "ban"], ["cancel", "cross"]];
/** Of a clock that moved the notice speaks, and has the button. */
const here = deeds.map(([what]) => what).filter((what) => what !== "keep");
const over = ["done", "left", "no_show", "timed_out", "transferred"];

/** Whether somebody at the desk can say that the client has come. @param {Booking} booking @param {Arrival} [arrival] */
export const mayCheckIn = (booking, arrival) =>
  ["pending", "confirmed"].includes(booking.status) && booking.actions.length > 0 && booking.mode === "offline" && !booking.session && (!arrival || over.includes(arrival.state)) && dateIn(booking.starts_at, booking.time_zone) === today(booking.time_zone) && Date.parse(booking.ends_at) > now();

/**
 * @param {{booking: Booking, arrival?: Arrival, only?: Doing[], busy?: boolean, onDo: (booking: Booking, what: Doing) => void}} props only:
 *   no others are offered
 */
export function DayActions({ booking, arrival, only, busy = false, onDo }) {
  const may = (/** @type {Doing} */ what) => (what === "check-in" ? mayCheckIn(booking, arrival) : booking.actions.includes(what));
  const offered = deeds.filter(([what]) => (only?.includes(what) ?? true) && may(what));
  if (!offered.length) return null;
  return html`<div class="actions no-print">${offered.map(([what, icon], place) => html`<button key=${what} type="button" data-verb=${what} disabled=${busy}
    class=${`button small${what === "reject" || what === "cancel" ? " quiet-danger" : place === 0 && what !== "reschedule" ? " primary" : ""}`} onClick=${() => onDo(booking, what)}><${Icon} name=${icon} size=${16} />${t(what === "check-in" ? "day.check_in" : `act.${what}`)}<span class="sr-only"> ${booking.client.name}</span></button>`)}</div>`;
}

/**
 * @param {{entry: Entry, zone: string, arrivals: Map<string, Arrival>, busy: boolean, onDo: (booking: Booking, what: Doing) => void,
 *   onDone: () => void, onClose: () => void}} props
 */
export function DayEntry({ entry, zone, arrivals, busy, onDo, onDone, onClose }) {
  const { session, bookings } = entry;
  const [first] = bookings;
  const when = `${formatTime(entry.from, zone)}–${formatTime(entry.until, zone)}`;
  const expert = session?.expert ?? first.expert;
  return html`<${Dialog} title=${`${when} ${session ? session.title : first.client.name}`} onClose=${onClose}>
    <p class="row wrap meta soft">
      <span>${formatDate(dateIn(entry.from, zone), { weekday: "long", day: "numeric", month: "long" })}</span>
      <span>${formatLength((entry.until - entry.from) / 60_000)}</span>
      <span class="row nowrap"><${Icon} name="user" size=${16} /><a href=${`/experts/${expert.id}`}>${expert.name}</a></span>
      ${session && html`<span>${t("day.seats_taken", { taken: session.taken, of: session.seats })}</span>`}
    </p>
    ${session
      ? html`${bookings.length === 0 && html`<p class="soft">${t("day.nothing")}</p>`}
          <ul class="plain-list day-seats">${bookings.map((booking) => html`<li key=${booking.id} class="stack-s"><p class="row wrap between"><a href=${`/bookings/${booking.id}`}>${booking.client.name}</a><${Status} status=${booking.status} /></p>
            <${DayActions} booking=${booking} busy=${busy} onDo=${onDo} /></li>`)}</ul>`
      : html`<${One} booking=${first} arrival=${arrivals.get(first.id)} busy=${busy} onDo=${onDo} onDone=${onDone} />`}
  <//>`;
}

/** @param {{booking: Booking, arrival?: Arrival, busy: boolean, onDo: (booking: Booking, what: Doing) => void, onDone: () => void}} props */
const One = ({ booking, arrival, busy, onDo, onDone }) => html`
  <p class="row wrap" aria-live="polite"><${Status} status=${booking.status} />${arrival && html`<span class="row nowrap">${t("day.number", { number: arrival.number })} <${VisitState} state=${arrival.state} /></span>`}</p>
  ${counts(booking) && html`<${ClockNotice} booking=${booking} onMove=${() => onDo(booking, "reschedule")} onDone=${onDone} />`}
  <dl class="facts">
    <div><dt>${t("book.mode")}</dt><dd><${Mode} mode=${booking.mode} /></dd></div>
    <div><dt>${t("booking.code")}</dt><dd class="code">${booking.code}</dd></div>
    ${booking.place && html`<div><dt>${t("booking.place")}</dt><dd>${booking.place}</dd></div>`}
    ${booking.note && html`<div class="wide"><dt>${t("book.note")}</dt><dd class="prose">${booking.note}</dd></div>`}
    ${booking.reason && html`<div class="wide"><dt>${t("booking.reason")}</dt><dd class="prose">${booking.reason}</dd></div>`}
  </dl>
  <${DayActions} booking=${booking} arrival=${arrival} only=${here} busy=${busy} onDo=${onDo} />
  <p><a class="back" href=${`/bookings/${booking.id}`}>${t("day.open_page")}<${Icon} name="right" size=${18} /></a></p>`;
