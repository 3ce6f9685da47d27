// Days on which a branch does not follow its week. They are kept with the rest of the form.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { today } from "../time.js";
import { Field } from "./form.js";
import { OverrideList } from "./overrides.js";

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
  return html`<section class="card stack">
    <h2>${t("overrides.title")}</h2>
    <${OverrideList} dates=${ahead} onRemove=${(/** @type {string} */ gone) => onChange(dates.filter((one) => one.date !== gone))} />
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
