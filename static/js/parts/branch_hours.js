// When a branch is open: one day in words, and the week.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { WEEKDAYS, addDays, formatDate, formatHours, today, weekday, weekdayName } from "../time.js";

/** @import { Branch } from "../types.js" */

/** The hours of one day of the week, in words. @param {Branch} branch @param {number} number Monday is 0 */
function hoursOfWeekday(branch, number) {
  if (!branch.weekly) return t("branch.by_appointment");
  return formatHours(branch.weekly.filter((one) => one.weekday === WEEKDAYS[number]));
}

/** The hours of one date, in words. @param {Branch} branch @param {string} date */
export function hoursOn(branch, date) {
  if (!branch.active) return t("schedule.closed");
  const differs = branch.overrides.find((one) => one.date === date);
  return differs ? formatHours(differs.intervals) : hoursOfWeekday(branch, weekday(date));
}

/** @param {{branch: Branch}} props */
export function BranchHours({ branch }) {
  const now = today(branch.time_zone);
  const ahead = branch.overrides.filter((one) => one.date >= now && one.date < addDays(now, 60)).sort((a, b) => (a.date < b.date ? -1 : 1));
  return html`<section>
    <h2>${t("branch.hours")}</h2>
    <dl class="hours-list">
      ${branch.weekly
        ? WEEKDAYS.map((day, number) => html`<div key=${day} class=${number === weekday(now) ? "strong" : undefined}><dt>${weekdayName(number)}</dt><dd>${hoursOfWeekday(branch, number)}</dd></div>`)
        : html`<div><dt>${t("branch.today")}</dt><dd>${t("branch.by_appointment")}</dd></div>`}
    </dl>
    ${ahead.length > 0 && html`<h3>${t("overrides.title")}</h3>
      <dl class="hours-list">${ahead.map((one) => html`<div key=${one.date}><dt>${formatDate(one.date)}</dt><dd>${formatHours(one.intervals)}</dd></div>`)}</dl>`}
  </section>`;
}
