// The free times of one day, by part of the day. One tab stop; arrow keys move by what is beside, above and below.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { differ, formatFull, formatTime, wallClock, zoneCity } from "../time.js";

/** @import { Slot } from "../types.js" */

/** @type {["morning" | "afternoon" | "evening", (hour: number) => boolean][]} */
const parts = [
  ["morning", (hour) => hour < 12],
  ["afternoon", (hour) => hour >= 12 && hour < 17],
  ["evening", (hour) => hour >= 17],
];

/**
 * @param {{slots: Slot[], zone: string, other?: string, label: string, onPick: (slot: Slot) => void}} props
 *   other: the expert's zone, shown under the time when its clock differs
 */
export function SlotGrid({ slots, zone, other, label, onPick }) {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const [stop, setStop] = useState(/** @type {string | null} */ (null));
  const [taken, setTaken] = useState("");
  const before = useRef(slots);
  const tabStop = slots.some((slot) => slot.starts_at === stop) ? stop : slots[0]?.starts_at;

  // Says politely that a time went away, and moves the focus to a neighbour when it stood on it.
  useEffect(() => {
    const old = before.current;
    before.current = slots;
    const gone = old.filter((slot) => !slots.some((other) => other.starts_at === slot.starts_at));
    if (!gone.length || !slots.length || gone.length === old.length) return;
    setTaken(t("slots.taken", { n: gone.length, time: formatTime(gone[0].starts_at, zone) }));
    if (gone.some((slot) => slot.starts_at === stop) && document.activeElement === document.body) {
      const near = slots.find((slot) => slot.starts_at > (stop ?? "")) ?? slots[slots.length - 1];
      button(near.starts_at)?.focus();
    }
  }, [slots]);

  const button = (/** @type {string} */ at) => /** @type {HTMLElement | null} */ (ref.current?.querySelector(`[data-at="${at}"]`));

  const move = (/** @type {KeyboardEvent} */ event) => {
    const all = /** @type {HTMLElement[]} */ ([...(ref.current?.querySelectorAll("[data-at]") ?? [])]);
    const here = all.indexOf(/** @type {HTMLElement} */ (event.target));
    if (here < 0) return;
    const to = neighbour(all, here, event.key);
    if (!to) return;
    event.preventDefault();
    setStop(to.dataset.at ?? null);
    to.focus();
  };

  return html`<div class="slots" ref=${ref} role="group" aria-label=${label} onKeyDown=${move}>
    <span class="sr-only" role="status" aria-live="polite">${taken}</span>
    ${parts.map(([name, holds]) => {
      const some = slots.filter((slot) => holds(Number(wallClock(slot.starts_at, zone).slice(11, 13))));
      return some.length > 0 && html`<div class="slot-part" key=${name}>
        <h4>${t(`slots.${name}`)}</h4>
        <div class="slot-row">
          ${some.map(
            (slot) => html`<button
              key=${slot.starts_at}
              type="button"
              class="slot"
              data-at=${slot.starts_at}
              tabindex=${slot.starts_at === tabStop ? 0 : -1}
              title=${formatFull(slot.starts_at, zone)}
              onFocus=${() => setStop(slot.starts_at)}
              onClick=${() => onPick(slot)}
            >
              <span>${formatTime(slot.starts_at, zone)}</span>
              ${other && differ(slot.starts_at, zone, other) && html`<small>${t("time.there", { time: formatTime(slot.starts_at, other), city: zoneCity(other) })}</small>`}
            </button>`,
          )}
        </div>
      </div>`;
    })}
  </div>`;
}

/** @param {HTMLElement[]} all @param {number} here @param {string} key */
function neighbour(all, here, key) {
  if (key === "ArrowRight") return all[here + 1];
  if (key === "ArrowLeft") return all[here - 1];
  if (key === "Home") return all[0];
  if (key === "End") return all[all.length - 1];
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  // Rows are where the layout put them, so the nearest one above or below is measured, not counted.
  const box = all[here].getBoundingClientRect();
  const beyond = all.filter((one) => {
    const top = one.getBoundingClientRect().top;
    return key === "ArrowDown" ? top > box.bottom - 1 : top < box.top - 1;
  });
  const distance = (/** @type {HTMLElement} */ one) => {
    const other = one.getBoundingClientRect();
    return Math.abs(other.top - box.top) * 1000 + Math.abs(other.left - box.left);
  };
  return beyond.sort((a, b) => distance(a) - distance(b))[0];
}
