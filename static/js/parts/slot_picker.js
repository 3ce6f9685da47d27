// Choosing a time: length, zone, month with free counts, times of the chosen day.
import { useState } from "preact/hooks";
import { timesOf } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useSlots } from "../slots.js";
import { zone } from "../store.js";
import { addDays, dateIn, daysBetween, formatDate, formatDay, formatLength, monthStart, today } from "../time.js";
import { Choice } from "./form.js";
import { Icon } from "./icon.js";
import { Month } from "./month.js";
import { SlotGrid } from "./slot_grid.js";
import { Empty, Failed, Skeleton } from "./states.js";
import { ZonePicker } from "./zone.js";

/** @import { Host } from "../branch.js" */
/** @import { Slot } from "../types.js" */

/**
 * @param {{expert: Host, minutes: number, date?: string | null, onMinutes: (minutes: number) => void,
 *   onDate?: (date: string) => void, onPick: (slot: Slot) => void, onWait?: (date: string) => void, children?: any}} props
 *   onWait: somebody wants to wait for a place on a day; children: what else is chosen beside length and zone
 */
export function SlotPicker({ expert, minutes, date: wanted = null, onMinutes, onDate, onPick, onWait, children }) {
  const here = zone.value;
  const first = today(here);
  const last = addDays(today(expert.time_zone), expert.booking_rules.horizon_days + 1);
  const nextFree = expert.next_free_at ? dateIn(expert.next_free_at, here) : null;
  const [chosen, setChosen] = useState(wanted);
  const [month, setMonth] = useState(monthStart(wanted && wanted >= first ? wanted : nextFree ?? first));

  const from = month < first ? first : month;
  const days = Math.max(1, daysBetween(from, monthStart(month, 1)));
  const slots = useSlots(timesOf(expert), { from, days, time_zone: here, minutes });
  const counts = slots.data && new Map(slots.data.days.map((day) => [day.date, day.slots.length]));
  const firstFree = slots.data?.days.find((day) => day.slots.length)?.date ?? null;
  const inMonth = chosen && chosen >= from && chosen < monthStart(month, 1) ? chosen : null;
  const date = inMonth ?? firstFree;
  const day = slots.data?.days.find((one) => one.date === date);

  const pickDate = (/** @type {string} */ to) => {
    setChosen(to);
    onDate?.(to);
  };

  const waitButton = (/** @type {string} */ on) => onWait && html`<button class="button primary" type="button" onClick=${() => onWait(on)}><${Icon} name="clock" size=${18} />${t("wait.title")}</button>`;

  return html`<div class="picker">
    <div class="picker-settings">
      ${expert.booking_rules.minutes.length > 1 &&
      html`<${Choice} label=${t("picker.length")} value=${minutes} options=${expert.booking_rules.minutes.map((n) => ({ value: n, label: formatLength(n) }))} onChange=${onMinutes} />`}
      ${children}
      <${ZonePicker} other=${expert.time_zone} branch=${expert.branch} />
    </div>
    <div class="picker-body">
      <${Month} month=${month} counts=${counts} date=${date} first=${first} last=${last} onDate=${pickDate} onMonth=${setMonth} full=${Boolean(onWait)} />
      <div class="picker-day">
        ${slots.loading && html`<${Skeleton} rows=${3} />`}
        ${slots.error && html`<${Failed} error=${slots.error} retry=${slots.retry} />`}
        ${slots.data && !date && html`<${Empty} icon="calendar" title=${t("picker.month_full")} text=${t("picker.month_full_text")}>
          ${nextFree && nextFree >= monthStart(month, 1) && html`<button class="button" type="button" onClick=${() => setMonth(monthStart(nextFree))}>${t("picker.next_free", { day: formatDay(nextFree, here) })}</button>`}
          ${waitButton(from)}
        <//>`}
        ${slots.data && date && html`
          <h3 title=${formatDate(date, { dateStyle: "full" })}>${formatDate(date, { weekday: "long", day: "numeric", month: "long" })}</h3>
          ${day?.slots.length
            ? html`<${SlotGrid} key=${date + minutes} slots=${day.slots} zone=${here} other=${expert.time_zone} label=${t("slots.label", { day: formatDate(date) })} onPick=${onPick} />`
            : html`<${Empty} icon="clock" title=${t("picker.day_full")} text=${t(onWait ? "picker.day_full_wait" : "picker.day_full_text")}>${waitButton(date)}<//>`}`}
      </div>
    </div>
    ${onWait && slots.data && day?.slots.length && html`<p class="picker-wait soft">${t("wait.nothing_suits")} <button class="link-button" type="button" onClick=${() => onWait(date ?? from)}>${t("wait.title")}</button></p>`}
  </div>`;
}
