// The weekly hours: for each day a track that shows them and the intervals behind it.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { WEEKDAYS, weekdayName } from "../time.js";
import { Icon } from "./icon.js";

/** @import { WeeklyInterval } from "../types.js" */

/** A clock field cannot show 24:00, and until midnight means the same. @param {string} time */
export const shown = (time) => (time === "24:00" ? "00:00" : time);

/** @param {string} time */
const minutes = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** The stretches of one day on its track, in parts of the day; what runs past midnight shows up to it. @param {{from: string, until: string}} interval */
function stretch({ from, until }) {
  if (!from || !until) return null;
  const start = minutes(from);
  const end = minutes(until) > start ? minutes(until) : 1440;
  return { left: `${(start / 1440) * 100}%`, width: `${((end - start) / 1440) * 100}%` };
}

/** A sensible next interval after those a day has. @param {WeeklyInterval[]} list @returns {{from: string, until: string}} */
function following(list) {
  const last = list.at(-1);
  if (!last) return { from: "09:00", until: "17:00" };
  const from = Math.min(minutes(last.until) + 60, 22 * 60);
  const clock = (/** @type {number} */ n) => `${String(Math.floor(n / 60)).padStart(2, "0")}:${String(n % 60).padStart(2, "0")}`;
  return { from: clock(from), until: clock(Math.min(from + 180, 23 * 60)) };
}

/**
 * @param {{weekly: WeeklyInterval[], problem: any, onChange: (weekly: WeeklyInterval[]) => void}} props
 */
export function WeekHours({ weekly, problem, onChange }) {
  /** @type {{pointer: string, detail: string}[]} */
  const errors = problem?.body?.errors ?? [];
  const error = (/** @type {number} */ index) => errors.find(({ pointer }) => pointer === `/weekly/${index}` || pointer.startsWith(`/weekly/${index}/`))?.detail;
  const change = (/** @type {number} */ index, /** @type {Partial<WeeklyInterval>} */ part) => onChange(weekly.map((one, i) => (i === index ? { ...one, ...part } : one)));
  const copyToWeek = (/** @type {string} */ day) => {
    const hours = weekly.filter((one) => one.weekday === day);
    const rest = weekly.filter((one) => one.weekday === "saturday" || one.weekday === "sunday" || one.weekday === day);
    onChange([...rest, ...WEEKDAYS.slice(0, 5).filter((other) => other !== day).flatMap((weekday) => hours.map((one) => ({ ...one, weekday })))]);
  };
  return html`<ul class="week-hours">
    ${WEEKDAYS.map((day, number) => {
      const name = weekdayName(number);
      const own = weekly.map((one, index) => ({ ...one, index })).filter((one) => one.weekday === day);
      return html`<li key=${day} data-weekday=${day}>
        <div class="row between">
          <h3>${name}</h3>
          <div class="row">
            ${number === 0 && own.length > 0 && html`<button class="link-button" type="button" onClick=${() => copyToWeek(day)}>${t("schedule.copy_week")}</button>`}
            <button class="icon-button" type="button" aria-label=${t("schedule.add_on", { day: name })} title=${t("schedule.add")} onClick=${() => onChange([...weekly, { weekday: day, ...following(own) }])}><${Icon} name="plus" /></button>
          </div>
        </div>
        <div class="track" aria-hidden="true">${own.map((one) => html`<i key=${one.index} style=${stretch(one)}></i>`)}</div>
        ${own.length === 0 && html`<p class="soft hint">${t("schedule.closed")}</p>`}
        ${own.map((one) => html`<div class="interval" key=${one.index}>
          <input class="input" type="time" required aria-label=${t("schedule.from_on", { day: name })} aria-invalid=${error(one.index) ? "true" : undefined} value=${shown(one.from)} onInput=${(/** @type {any} */ event) => change(one.index, { from: event.target.value })} />
          <span aria-hidden="true">–</span>
          <input class="input" type="time" required aria-label=${t("schedule.until_on", { day: name })} aria-invalid=${error(one.index) ? "true" : undefined} value=${shown(one.until)} onInput=${(/** @type {any} */ event) => change(one.index, { until: event.target.value })} />
          <button class="icon-button" type="button" aria-label=${t("schedule.remove_on", { day: name, from: one.from, until: one.until })} title=${t("action.remove")} onClick=${() => onChange(weekly.filter((_, i) => i !== one.index))}><${Icon} name="trash" size=${18} /></button>
          ${error(one.index) && html`<p class="error">${error(one.index)}</p>`}
        </div>`)}
      </li>`;
    })}
  </ul>`;
}
