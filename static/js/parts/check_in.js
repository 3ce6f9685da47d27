// Saying that one has come for an appointment of today: the desk of the branch sees it, and a number shows one's turn.
import { api, now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { keepTicket, standingAs, ticketPath } from "../queue.js";
import { go } from "../router.js";
import { useRun } from "../run.js";
import { dateIn, today } from "../time.js";
import { Icon } from "./icon.js";

/** @import { Booking, Expert } from "../types.js" */

/** @param {{booking: Booking}} props */
export function CheckInButton({ booking }) {
  const due = ["pending", "confirmed"].includes(booking.status) && booking.mode === "offline" && !booking.session && dateIn(booking.starts_at, booking.time_zone) === today(booking.time_zone) && Date.parse(booking.ends_at) > now();
  const expert = useLoad(async () => (due ? /** @type {Expert} */ (await api.get(`/experts/${booking.expert.id}`)) : null), [due, booking.expert.id]);
  const [busy, run] = useRun();
  if (!due || !expert.data?.branch_id) return null;
  const come = () =>
    run(async () => {
      try {
        const visit = await api.post(`/bookings/${booking.id}/check-in`);
        keepTicket(visit, null);
        go(ticketPath(visit.id));
      } catch (error) {
        const there = standingAs(error);
        if (!there) throw error;
        go(ticketPath(there));
      }
    });
  return html`<button type="button" class="button primary" data-verb="check-in" disabled=${busy} onClick=${come}><${Icon} name="pin" size=${18} />${t("booking.here")}</button>`;
}
