// The series that a booking is one of: each of them, where it stands, and which one this is.
import { useEffect } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { onNews, onResync } from "../socket.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { Status } from "./status.js";
import { When } from "./time.js";

/** @import { SeriesPlace } from "../series.js" */
/** @import { Booking } from "../types.js" */

/** Which of a series a booking is, in a few words. @param {{series: SeriesPlace}} props */
export const SeriesMark = ({ series }) => html`<span class="row nowrap series-mark"><${Icon} name="repeat" size=${16} />${t("series.place", { n: series.number, of: series.of })}</span>`;

/** @param {{booking: Booking & {series: SeriesPlace}}} props */
export function SeriesCard({ booking }) {
  const { id } = booking.series;
  // A step that was taken with this one may have been taken with the others, too.
  const page = useLoad(() => api.get(`/series/${id}`), [id]);
  useEffect(() => {
    const stops = [onNews((one) => void (one.data?.booking_id && page.refresh())), onResync(page.refresh)];
    return () => stops.forEach((stop) => stop());
  }, [page.refresh]);
  useEffect(() => void (page.data && page.refresh()), [booking.version]);
  return html`<section class="card" aria-labelledby="series-card" data-series=${id}>
    <h2 id="series-card">${t("series.title")}</h2>
    <p><${SeriesMark} series=${booking.series} /></p>
    ${page.loading && html`<${Skeleton} rows=${3} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`<ol class="series-dates">
      ${page.data.bookings.map((/** @type {Booking} */ one) => html`<li key=${one.id} class=${one.id === booking.id ? "current" : ""}>
        <p class="row wrap between">
          ${one.id === booking.id
            ? html`<strong aria-current="true"><${When} at=${one.starts_at} until=${one.ends_at} other=${one.time_zone} /></strong>`
            : html`<a href=${`/bookings/${one.id}`}><${When} at=${one.starts_at} until=${one.ends_at} other=${one.time_zone} /></a>`}
          <${Status} status=${one.status} />
        </p>
      </li>`)}
    </ol>`}
  </section>`;
}
