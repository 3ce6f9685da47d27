// The bookings of one series in a list: together, and each of them.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { BookingRow, otherSide } from "./booking_row.js";
import { Icon } from "./icon.js";
import { When } from "./time.js";

/** @import { Booking } from "../types.js" */

/** @param {{bookings: Booking[]}} props two or more of them, in the order of the list */
export function SeriesGroup({ bookings }) {
  const [first] = bookings;
  return html`<li class="series-group" data-series=${first.series?.id}>
    <details open>
      <summary class="card">
        <span class="row"><${Icon} name="repeat" size=${18} /><strong class="grow">${t("series.with", { name: otherSide(first) })}</strong><${Icon} name="down" size=${18} /></span>
        <span class="row wrap soft"><span>${t("series.listed", { n: bookings.length })}</span><${When} at=${first.starts_at} other=${first.time_zone} /></span>
      </summary>
      <ul class="list">${bookings.map((booking) => html`<${BookingRow} key=${booking.id} booking=${booking} />`)}</ul>
    </details>
  </li>`;
}
