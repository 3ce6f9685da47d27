// What a booking is, for whoever may see it.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { user } from "../session.js";
import { zone } from "../store.js";
import { formatFull, formatLength, formatWhen } from "../time.js";
import { Mode } from "./booking_row.js";
import { When } from "./time.js";

/** @import { Booking } from "../types.js" */

/** Until when the client may still cancel. @param {{booking: Booking}} props */
export function CancelLimit({ booking }) {
  if (!booking.cancel_until || (booking.status !== "pending" && booking.status !== "confirmed")) return null;
  const when = formatWhen(booking.cancel_until, zone.value);
  return html`<p class="hint">${booking.actions.includes("cancel") ? t("booking.cancel_until", { when }) : t("booking.cancel_over", { when })}</p>`;
}

/** @param {{booking: Booking, asClient?: boolean}} props */
export const BookingFacts = ({ booking, asClient = user.value?.id === booking.client.id }) => html`
  <section class="card">
    <p class="fact-when"><${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></p>
    <p class="soft">${formatFull(booking.starts_at, zone.value)}</p>
    <dl class="facts">
      ${booking.session && html`<div><dt>${t("session.one")}</dt><dd><a href=${`/experts/${booking.expert.id}?session=${booking.session.id}`}>${booking.session.title}</a></dd></div>`}
      <div><dt>${t("booking.length")}</dt><dd>${formatLength(booking.minutes)}</dd></div>
      <div><dt>${t("book.mode")}</dt><dd><${Mode} mode=${booking.mode} /></dd></div>
      ${booking.link && html`<div><dt>${t("booking.link")}</dt><dd><${Link} to=${booking.link} /></dd></div>`}
      ${booking.place && html`<div><dt>${t("booking.place")}</dt><dd>${booking.place}</dd></div>`}
      <div><dt>${t("booking.expert")}</dt><dd><a href=${`/experts/${booking.expert.id}`}>${booking.expert.name}</a></dd></div>
      ${!asClient && html`<div><dt>${t("booking.client")}</dt><dd>${booking.client.name}</dd></div>`}
      <div><dt>${t("booking.code")}</dt><dd class="code">${booking.code}</dd></div>
      ${booking.note && html`<div class="wide"><dt>${t("book.note")}</dt><dd class="prose">${booking.note}</dd></div>`}
      ${booking.reason && html`<div class="wide"><dt>${t("booking.reason")}</dt><dd class="prose">${booking.reason}</dd></div>`}
    </dl>
  </section>`;

/** Only web addresses become links; whatever else was typed stays text. @param {{to: string}} props */
const Link = ({ to }) => (/^https?:\/\//i.test(to) ? html`<a href=${to} target="_blank" rel="noopener noreferrer">${to}</a>` : html`<span>${to}</span>`);
