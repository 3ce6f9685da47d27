// A month of days, each with how many times are free. Arrow keys move between days.
import { useRef } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { addDays, dayNumber, formatDate, formatMonth, monthStart, weekday, weekdayName } from "../time.js";
import { Icon } from "./icon.js";

/**
 * @param {{month: string, counts: Map<string, number> | null, date: string | null, first: string, last: string,
 *   onDate: (date: string) => void, onMonth: (month: string) => void, full?: boolean}} props
 *   month: its first day; first and last: the range that can be booked; full: days without free times can be chosen, too
 */
export function Month({ month, counts, date, first, last, onDate, onMonth, full = false }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const next = monthStart(month, 1);
  // Weeks that are over only push the free ones down.
  const begin = first > month && first < next ? addDays(first, -weekday(first)) : month;
  const days = [];
  for (let day = begin < month ? month : begin; day < next; day = addDays(day, 1)) days.push(day);
  const open = (/** @type {string} */ day) => day >= first && day <= last;
  const stop = date && date >= month && date < next ? date : days.find((day) => (counts?.get(day) ?? 0) > 0) ?? days.find(open);

  const move = (/** @type {KeyboardEvent} */ event) => {
    const from = /** @type {HTMLElement} */ (event.target).dataset.date;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
    if (!from || !step) return;
    event.preventDefault();
    const to = addDays(from, step);
    const button = ref.current?.querySelector(`[data-date="${to}"]`);
    if (button instanceof HTMLElement) button.focus();
  };

  return html`<div class="month" ref=${ref}>
    <div class="month-head">
      <button class="icon-button" type="button" aria-label=${t("month.previous")} disabled=${month <= first} onClick=${() => onMonth(monthStart(month, -1))}><${Icon} name="left" /></button>
      <h3 aria-live="polite">${formatMonth(month)}</h3>
      <button class="icon-button" type="button" aria-label=${t("month.next")} disabled=${next > last} onClick=${() => onMonth(next)}><${Icon} name="right" /></button>
    </div>
    <div class="month-grid" aria-hidden="true">
      ${[0, 1, 2, 3, 4, 5, 6].map((i) => html`<span class="month-weekday" key=${i}>${weekdayName(i, "short")}</span>`)}
    </div>
    <div class="month-grid" role="group" aria-label=${formatMonth(month)} onKeyDown=${move}>
      ${Array.from({ length: weekday(days[0]) }, (_, i) => html`<span key=${`pad${i}`}></span>`)}
      ${days.map((day) => {
        const count = counts?.get(day) ?? 0;
        const pickable = open(day) && Boolean(count || (full && counts));
        const label = `${formatDate(day, { weekday: "long", day: "numeric", month: "long" })}, ${counts ? t("month.free", { n: count }) : t("state.loading")}`;
        return html`<button
          key=${day}
          type="button"
          class=${`day${count ? " free" : pickable ? " pickable" : ""}`}
          data-date=${day}
          tabindex=${day === stop ? 0 : -1}
          aria-label=${label}
          aria-pressed=${day === date ? "true" : "false"}
          aria-disabled=${pickable ? undefined : "true"}
          onClick=${() => pickable && onDate(day)}
        >
          <span>${dayNumber(day)}</span>
          <small data-count=${count || undefined}></small>
        </button>`;
      })}
    </div>
  </div>`;
}
