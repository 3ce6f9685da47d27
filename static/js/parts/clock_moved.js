// A booking whose clock shows another time than was agreed, because the rules of its zone changed.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { say } from "../store.js";
import { formatWall, zoneCity } from "../time.js";
import { FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";

/** @import { Api } from "../api.js" */
/** @import { Booking } from "../types.js" */

/** The word for it, in lists. @param {{booking: Booking}} props */
export const ClockMoved = ({ booking }) => booking.clock_moved && html`<span class="badge pending"><${Icon} name="clock" size=${14} />${t("clock.moved")}</span>`;

/** What was agreed, what is shown, and what can be done. @param {{booking: Booking, via?: Api, onMove: () => void, onDone: () => void}} props */
export function ClockNotice({ booking, via = api, onMove, onDone }) {
  const form = useForm({});
  if (!booking.clock_moved) return null;
  const { promised, shown } = booking.clock_moved;
  const keep = async () => {
    await via.post(`/bookings/${booking.id}/keep`, {});
    say(t("done.keep"), { tone: "good" });
    onDone();
  };
  return html`<form class="notice pending" aria-labelledby="clock-moved" onSubmit=${form.submit(keep)}>
    <p class="strong" id="clock-moved">${t("clock.moved")}</p>
    <p>${t("clock.text", { place: zoneCity(booking.time_zone), promised: formatWall(promised), shown: formatWall(shown) })}</p>
    <${FormError} problem=${form.problem} />
    <div class="actions">
      ${booking.actions.includes("keep") && html`<button class="button primary small" data-verb="keep" disabled=${form.busy}>${t("act.keep")}</button>`}
      ${booking.actions.includes("reschedule") && html`<button class="button small" type="button" onClick=${onMove}>${t("act.reschedule")}</button>`}
    </div>
  </form>`;
}
