// Days that differ from the weekly hours: other hours, or closed.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { attempt } from "../run.js";
import { formatDate, formatHours, today } from "../time.js";
import { Field, FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { shown } from "./week_hours.js";

/** @import { Expert, Interval, Override } from "../types.js" */

const DAYS_AHEAD = 366;

/** @param {{expert: Expert, onChange: () => void}} props */
export function Overrides({ expert, onChange }) {
  const first = today(expert.time_zone);
  const page = useLoad(async () => (await api.get(`/experts/${expert.id}/overrides`, { from: first, days: DAYS_AHEAD })).items, [expert.id]);
  const form = useForm({ date: "", closed: false, intervals: /** @type {Interval[]} */ ([{ from: "09:00", until: "12:00" }]) });
  const changed = () => {
    page.refresh();
    onChange();
  };
  const add = async () => {
    const { date, closed, intervals } = form.values;
    await api.put(`/experts/${expert.id}/overrides/${date}`, { intervals: closed ? [] : intervals });
    form.set({ date: "", closed: false, intervals: [{ from: "09:00", until: "12:00" }] });
    changed();
  };
  const remove = (/** @type {string} */ date) =>
    attempt(async () => {
      await api.delete(`/experts/${expert.id}/overrides/${date}`);
      changed();
    });
  const setInterval = (/** @type {number} */ index, /** @type {Partial<Interval>} */ part) => form.set({ intervals: form.values.intervals.map((one, i) => (i === index ? { ...one, ...part } : one)) });
  return html`<section class="card" aria-labelledby="overrides">
    <h2 id="overrides">${t("overrides.title")}</h2>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`<${OverrideList} dates=${page.data} onRemove=${remove} />`}
    <form onSubmit=${form.submit(add)}>
      <${Field} label=${t("overrides.date")} type="date" required min=${first} ...${form.bind("date", "/date")} />
      <label class="check"><input type="checkbox" checked=${form.values.closed} onChange=${(/** @type {any} */ event) => form.set({ closed: event.target.checked })} /><span>${t("overrides.closed")}</span></label>
      ${!form.values.closed && html`<div class="stack tight">
        ${form.values.intervals.map((one, i) => html`<div class="interval" key=${i}>
          <input class="input" type="time" required aria-label=${t("schedule.from")} value=${shown(one.from)} onInput=${(/** @type {any} */ event) => setInterval(i, { from: event.target.value })} />
          <span aria-hidden="true">–</span>
          <input class="input" type="time" required aria-label=${t("schedule.until")} value=${shown(one.until)} onInput=${(/** @type {any} */ event) => setInterval(i, { until: event.target.value })} />
          <button class="icon-button" type="button" disabled=${form.values.intervals.length === 1} aria-label=${t("action.remove")} onClick=${() => form.set({ intervals: form.values.intervals.filter((_, other) => other !== i) })}><${Icon} name="trash" size=${18} /></button>
        </div>`)}
        <button class="link-button start" type="button" onClick=${() => form.set({ intervals: [...form.values.intervals, { from: "14:00", until: "17:00" }] })}>${t("schedule.add")}</button>
      </div>`}
      <${FormError} problem=${form.problem} known=${["/date"]} />
      <div class="actions"><button class="button" disabled=${form.busy || !form.values.date}>${t("overrides.add")}</button></div>
    </form>
  </section>`;
}

/** @param {{dates: Override[], onRemove: (date: string) => void}} props */
export const OverrideList = ({ dates, onRemove }) =>
  dates.length
    ? html`<ul class="plain-list">${dates.map((one) => html`<li class="row between" key=${one.date}>
        <span><strong>${formatDate(one.date, { weekday: "short", day: "numeric", month: "short", year: "numeric" })}</strong> ${formatHours(one.intervals)}</span>
        <button class="icon-button" type="button" aria-label=${t("overrides.remove", { day: formatDate(one.date) })} onClick=${() => onRemove(one.date)}><${Icon} name="trash" size=${18} /></button>
      </li>`)}</ul>`
    : html`<p class="soft">${t("overrides.none")}</p>`;
