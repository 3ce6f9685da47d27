// A moment as people read it: in the reader's zone, with the other side's beside it when the clocks differ, and the
// whole of it on hover and focus.
import { html } from "../html.js";
import { differ, formatAgo, formatFull, formatTime, formatWhen, zoneCity } from "../time.js";
import { t } from "../i18n.js";
import { zone } from "../store.js";

/** @param {{at: string, until?: string, other?: string, day?: boolean}} props other: the other side's zone */
export function When({ at, until, other, day = true }) {
  const here = zone.value;
  const text = day ? formatWhen(at, here) : formatTime(at, here);
  const elsewhere = other && differ(at, here, other);
  return html`<span class="when">
    <time datetime=${at} title=${formatFull(at, here)}>${text}${until && html`<span>–${formatTime(until, here)}</span>`}</time>
    ${elsewhere && html` <span class="soft nowrap" title=${formatFull(at, other)}>${t("time.elsewhere", { time: formatTime(at, other), city: zoneCity(other) })}</span>`}
  </span>`;
}

/** @param {{at: string}} props */
export const Ago = ({ at }) => html`<time datetime=${at} title=${formatFull(at, zone.value)}>${formatAgo(at)}</time>`;
