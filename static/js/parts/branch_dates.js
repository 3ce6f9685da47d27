// Days on which a branch does not follow its week. They are kept with the rest of the form.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { formatDate, today } from "../time.js";
import { Field } from "./form.js";
import { Icon } from "./icon.js";

/** @import { Override } from "../types.js" */

/** @param {{zone: string, dates: Override[], onChange: (dates: Override[]) => void}} props */
export function BranchDates({ zone, dates, onChange }) {
  const first = today(zone);
  const [date, setDate] = useState("");
  const [closed, setClosed] = useState(true);
  const [hours, setHours] = useState({ from: "09:00", until: "12:00" });
  const put = () => {
    const rest = dates.filter((one) => one.date !== date);
    onChange([...rest, { date, intervals: closed ? [] : [hours] }].sort((a, b) => (a.date < b.date ? -1 : 1)));
    setDate("");
  };
  const ahead = dates.filter((one) => one.date >= first);
  return html`<section class="card" aria-labelledby="branch-dates">
    <h2 id="branch-dates">${t("overrides.title")}</h2>
    ${ahead.length === 0 && html`<p class="soft">${t("overrides.none")}</p>`}
    ${ahead.length > 0 && html`<ul class="plain-list">${ahead.map((one) => html`<li class="row between" key=${one.date}>
      <span><strong>${formatDate(one.date, { weekday: "short", day: "numeric", month: "short", year: "numeric" })}</strong> ${one.intervals.length ? one.intervals.map((part) => `${part.from}–${part.until}`).join(", ") : t("schedule.closed")}</span>
      <button class="icon-button" type="button" aria-label=${t("overrides.remove", { day: formatDate(one.date) })} onClick=${() => onChange(dates.filter((other) => other.date !== one.date))}><${Icon} name="trash" size=${18} /></button>
    </li>`)}</ul>`}
    <${Field} label=${t("overrides.date")} type="date" name="override_date" min=${first} value=${date} onInput=${(/** @type {any} */ event) => setDate(event.target.value)} />
    <label class="check"><input type="checkbox" checked=${closed} onChange=${(/** @type {any} */ event) => setClosed(event.target.checked)} /><span>${t("overrides.closed")}</span></label>
    ${!closed && html`<div class="interval">
      <input class="input" type="time" aria-label=${t("schedule.from")} value=${hours.from} onInput=${(/** @type {any} */ event) => setHours({ ...hours, from: event.target.value })} />
      <span aria-hidden="true">–</span>
      <input class="input" type="time" aria-label=${t("schedule.until")} value=${hours.until} onInput=${(/** @type {any} */ event) => setHours({ ...hours, until: event.target.value })} />
    </div>`}
    <div class="actions"><button class="button" type="button" disabled=${!date} onClick=${put}>${t("branch.add_day")}</button></div>
  </section>`;
}
