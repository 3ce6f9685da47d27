// What happened to a booking, oldest first.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { zone } from "../store.js";
import { formatFull, formatWall, formatWhen } from "../time.js";

/** @typedef {{at: string, actor: {name: string | null, role: string}, event: string, from_status: string | null, to_status: string, reason: string | null, changes: any}} Entry */

/** @param {Entry} entry */
function moved(entry) {
  const starts = entry.changes?.starts_at;
  const clock = entry.changes?.wall_start;
  if (clock) return t("timeline.moved", { from: formatWall(clock.from), to: formatWall(clock.to) });
  const [from, to] = Array.isArray(starts) ? starts : [starts?.from ?? starts?.before, starts?.to ?? starts?.after];
  return from && to ? t("timeline.moved", { from: formatWhen(from, zone.value), to: formatWhen(to, zone.value) }) : null;
}

/** @param {{entries: Entry[]}} props */
export const Timeline = ({ entries }) => html`
  <ol class="timeline">
    ${entries.map((entry, i) => {
      const kind = entry.event.replace(/^booking\./, "");
      return html`<li key=${i} class=${entry.to_status}>
        <p><strong>${t(`event.${kind}`)}</strong> <span class="soft">${entry.actor?.role === "system" ? t("timeline.system") : entry.actor?.name}</span></p>
        ${moved(entry) && html`<p>${moved(entry)}</p>`}
        ${entry.reason && html`<p class="quote">${entry.reason}</p>`}
        <p class="hint"><time datetime=${entry.at} title=${formatFull(entry.at, zone.value)}>${formatWhen(entry.at, zone.value)}</time></p>
      </li>`;
    })}
  </ol>`;
