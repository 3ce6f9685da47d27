// Why times of a day are free or not: every start of the grid, equal answers together.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { formatLength, formatTime, today } from "../time.js";
import { Choice, Field } from "./form.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Expert, ExplainedDay, ExplainedSlot } from "../types.js" */

/**
 * Starts that follow each other and have the same answer.
 * @param {ExplainedSlot[]} slots
 */
export function runs(slots) {
  /** @type {{missing: string | null, first: ExplainedSlot, last: ExplainedSlot}[]} */
  const found = [];
  for (const slot of slots) {
    const open = found.at(-1);
    if (open && open.missing === slot.missing) open.last = slot;
    else found.push({ missing: slot.missing, first: slot, last: slot });
  }
  return found;
}

/** @param {{expert: Expert, lengths: number[]}} props expert: with the zone of its schedule */
export function ExplainedDayCard({ expert, lengths }) {
  const zone = expert.time_zone;
  const [date, setDate] = useState(today(zone));
  const [length, setLength] = useState(lengths[0]);
  const minutes = lengths.includes(length) ? length : lengths[0];
  const page = useLoad(async () => (date ? /** @type {Promise<ExplainedDay>} */ (api.get(`/experts/${expert.id}/slots/explain`, { date, minutes })) : null), [expert.id, date, minutes]);
  const time = (/** @type {string} */ at) => formatTime(at, zone);
  return html`<section class="card" aria-labelledby="why">
    <h2 id="why">${t("why.title")}</h2>
    <p class="hint">${t("why.hint")}</p>
    <${Field} label=${t("why.date")} type="date" value=${date} onInput=${(/** @type {any} */ event) => setDate(event.target.value)} />
    ${lengths.length > 1 && html`<${Choice} label=${t("picker.length")} hidden value=${minutes} options=${lengths.map((n) => ({ value: n, label: formatLength(n) }))} onChange=${setLength} />`}
    ${page.loading && html`<${Skeleton} rows=${3} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && page.data.slots.length === 0 && html`<p class="soft">${t("why.none")}</p>`}
    ${page.data && page.data.slots.length > 0 && html`<ul class="plain-list reasons" aria-live="polite">${runs(page.data.slots).map((run) => html`<li key=${run.first.starts_at} class=${run.missing ? "reason" : "reason free"} data-missing=${run.missing ?? "free"}>
      <span class="reason-time">${run.first === run.last ? time(run.first.starts_at) : t("why.until", { from: time(run.first.starts_at), until: time(run.last.starts_at) })}</span>
      <span>${run.missing ? t(`why.${run.missing}`) : t("why.free")}</span>
    </li>`)}</ul>`}
  </section>`;
}
