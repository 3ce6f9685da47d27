// What clients see of the next days, live: after each save this shows what the rules really give.
import { useState } from "preact/hooks";
import { timesOf } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useSlots } from "../slots.js";
import { addDays, formatDate, formatLength, formatTime, today } from "../time.js";
import { Choice } from "./form.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";

const DAYS = 7;

/** @param {{expertId: string, timeZone: string, lengths: number[]}} props */
export function SlotPreview({ expertId, timeZone, lengths }) {
  const first = today(timeZone);
  const [from, setFrom] = useState(first);
  const [length, setLength] = useState(lengths[0]);
  const minutes = lengths.includes(length) ? length : lengths[0];
  const slots = useSlots(timesOf({ id: expertId }), { from, days: DAYS, time_zone: timeZone, minutes });
  return html`<section class="card preview" aria-labelledby="preview">
    <div class="row between">
      <h2 id="preview">${t("schedule.preview")}</h2>
      <div class="row">
        <button class="icon-button" type="button" aria-label=${t("agenda.previous")} disabled=${from <= first} onClick=${() => setFrom(addDays(from, -DAYS))}><${Icon} name="left" /></button>
        <button class="icon-button" type="button" aria-label=${t("agenda.next")} onClick=${() => setFrom(addDays(from, DAYS))}><${Icon} name="right" /></button>
      </div>
    </div>
    ${lengths.length > 1 && html`<${Choice} label=${t("picker.length")} hidden value=${minutes} options=${lengths.map((n) => ({ value: n, label: formatLength(n) }))} onChange=${setLength} />`}
    ${slots.loading && html`<${Skeleton} rows=${2} />`}
    ${slots.error && html`<${Failed} error=${slots.error} retry=${slots.retry} />`}
    ${slots.data && html`<dl class="preview-days">${slots.data.days.map((day) => html`<div key=${day.date} data-date=${day.date}>
      <dt>${formatDate(day.date)} <span class="soft">${t("month.free", { n: day.slots.length })}</span></dt>
      <dd>${day.slots.length ? day.slots.map((slot) => html`<span class="tag" key=${slot.starts_at}>${formatTime(slot.starts_at, timeZone)}</span>`) : html`<span class="soft">–</span>`}</dd>
    </div>`)}</dl>`}
  </section>`;
}
