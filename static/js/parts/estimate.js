// How long somebody still waits, as a span and never as a promise, with the clock times beside it.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { waitWords } from "../queue.js";
import { zone } from "../store.js";
import { formatFull, formatTime } from "../time.js";

/** @import { Estimate as Span } from "../queue.js" */

/** @param {{estimate: Span | null, clock?: boolean}} props clock: with the clock times */
export function Estimate({ estimate, clock = true }) {
  if (!estimate) return html`<span class="soft">${t("queue.no_estimate")}</span>`;
  const from = formatTime(estimate.p50_at, zone.value);
  const to = formatTime(estimate.p90_at, zone.value);
  return html`<span class="estimate">
    <strong>${waitWords(estimate)}</strong>
    ${clock && estimate.p90_minutes > 0 && html` <time class="soft nowrap" datetime=${estimate.p50_at} title=${formatFull(estimate.p50_at, zone.value)}>${from === to ? t("queue.clock", { time: from }) : t("queue.clocks", { from, to })}</time>`}
  </span>`;
}
