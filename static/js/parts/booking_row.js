// A booking as a line of a list.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { user } from "../session.js";
import { formatLength } from "../time.js";
import { ClockMoved } from "./clock_moved.js";
import { Icon } from "./icon.js";
import { SeriesMark } from "./series_card.js";
import { Status } from "./status.js";
import { When } from "./time.js";

/** @import { Booking } from "../types.js" */

/** The other person of a booking, from where the reader stands. @param {Booking} booking */
export function otherSide(booking) {
  const me = user.value?.id;
  if (booking.client.id === me) return booking.expert.name;
  if (booking.expert.id === me) return booking.client.name;
  return `${booking.client.name} → ${booking.expert.name}`;
}

/** @param {{mode: string}} props */
export const Mode = ({ mode }) => html`<span class="row nowrap"><${Icon} name=${mode === "online" ? "video" : "pin"} size=${16} />${t(`mode.${mode}`)}</span>`;

/** @param {{booking: Booking}} props */
export const BookingRow = ({ booking }) => html`
  <li class="card booking-row">
    <div class="grow">
      <p class="row wrap"><a class="stretched strong" href=${`/bookings/${booking.id}`}><${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></a></p>
      ${booking.session && html`<p>${booking.session.title}</p>`}
      <p>${otherSide(booking)}</p>
      <p class="row wrap meta soft"><${Mode} mode=${booking.mode} /><span>${formatLength(booking.minutes)}</span><span class="code">${booking.code}</span>${booking.series && html`<${SeriesMark} series=${booking.series} />`}</p>
      ${booking.note && html`<p class="soft clamp">${booking.note}</p>`}
    </div>
    <${ClockMoved} booking=${booking} />
    <${Status} status=${booking.status} />
  </li>`;
