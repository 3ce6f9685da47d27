// A day of a branch: a lane for each expert. On a desk the lanes stand side by side along the hours; on a phone and on
// paper each is a list.
import { useEffect, useId, useRef } from "preact/hooks";
import { MINUTE_MS, counts, hoursOf, shownOf, span } from "../day.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { formatTime, today } from "../time.js";
import { Icon } from "./icon.js";
import { Presence, statusIcon } from "./status.js";

/** @import { Arrival, Away, DaySheet as Sheet, Entry, Lane, Stretch } from "../day.js" */

/** What stands above the present moment when the page opens, in px. */
const ABOVE_PX = 120;

/** "09:00–12:00, 13:00–17:00". @param {Stretch[]} stretches @param {string} zone */
export const stretchWords = (stretches, zone) => stretches.map((one) => `${formatTime(one.starts_at, zone)}–${formatTime(one.ends_at, zone)}`).join(", ");

/**
 * @param {{sheet: Sheet, lanes: Lane[], arrivals: Map<string, Arrival>, urgent: Set<string>, fresh: Set<string>, now: number,
 *   onOpen: (id: string) => void}} props urgent: bookings that somebody has to see to; fresh: those that have just come
 */
export function DaySheet({ sheet, lanes, arrivals, urgent, fresh, now, onOpen }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const prefix = useId();
  const zone = sheet.time_zone;
  const shown = shownOf(sheet, lanes);
  const minutes = (/** @type {number} */ ms) => (ms - shown.from) / MINUTE_MS;
  const place = (/** @type {{from: number, until: number}} */ { from, until }) => {
    const [first, last] = [Math.max(from, shown.from), Math.min(until, shown.until)];
    return { "--from": minutes(first), "--long": Math.max(0, (last - first) / MINUTE_MS) };
  };
  const isToday = sheet.date === today(zone);
  const inSight = isToday && now >= shown.from && now <= shown.until;
  useEffect(() => {
    const holder = box.current;
    const line = holder?.querySelector(".lane-now");
    if (holder && line) holder.scrollTop += line.getBoundingClientRect().top - holder.getBoundingClientRect().top - ABOVE_PX;
  }, [sheet.date]);

  const lane = (/** @type {Lane} */ { expert, day, entries }) => {
    const away = (day?.away ?? []).map((one) => ({ from: span(one).from, item: html`<${AwayItem} key=${`away ${one.cause} ${one.starts_at}`} away=${one} zone=${zone} style=${place(span(one))} />` }));
    const booked = entries.map((entry) => ({
      from: entry.from,
      item: html`<li key=${entry.id} class=${entry.columns > 1 ? "lane-item narrow" : "lane-item"} style=${{ ...place(entry), "--column": entry.column, "--columns": entry.columns }}>
        <${EntryButton} entry=${entry} zone=${zone} arrivals=${arrivals} urgent=${entry.bookings.some((one) => urgent.has(one.id))} fresh=${entry.bookings.some((one) => fresh.has(one.id))} onOpen=${onOpen} />
      </li>`,
    }));
    const moment = inSight ? [{ from: now, item: html`<li key="now" class="lane-now" style=${{ "--from": minutes(now) }}><span>${t("day.now", { time: formatTime(now, zone) })}</span></li>` }] : [];
    const items = [...away, ...booked, ...moment].sort((a, b) => a.from - b.from);
    return html`<article class="lane" key=${expert.id} data-expert=${expert.id} aria-labelledby=${`${prefix}-${expert.id}`}>
      <header class="lane-head">
        <h3 id=${`${prefix}-${expert.id}`}><a href=${`/experts/${expert.id}`}>${expert.name}</a></h3>
        <p class="row wrap meta">
          ${day && isToday && html`<${Presence} presence=${day.presence} />`}
          <span class="soft">${hoursWords(day, zone)}</span>
        </p>
      </header>
      <div class="lane-track">
        ${(day?.hours ?? []).map((one) => html`<i class="lane-open" aria-hidden="true" key=${one.starts_at} style=${place(span(one))}></i>`)}
        ${items.length > 0 && html`<ol class="lane-list">${items.map(({ item }) => item)}</ol>`}
        ${booked.length === 0 && html`<p class="lane-nothing soft">${t("day.nothing")}</p>`}
      </div>
    </article>`;
  };

  return html`<div class="day-sheet" ref=${box} tabindex="0" role="group" aria-label=${t("day.everybody")} style=${{ "--minutes": minutes(shown.until), "--lanes": lanes.length }}>
    <div class="day-lanes">
      <div class="day-corner" aria-hidden="true"></div>
      <div class="day-hours" aria-hidden="true">${hoursOf(shown).map((hour) => html`<span key=${hour} style=${{ "--from": minutes(hour) }}>${formatTime(hour, zone)}</span>`)}</div>
      ${lanes.map(lane)}
    </div>
  </div>`;
}

/** @param {Lane["day"]} day @param {string} zone */
function hoursWords(day, zone) {
  if (!day) return t("day.gone");
  if (day.hours.length) return stretchWords(day.hours, zone);
  return t(day.holiday ? "day.holiday" : "day.off");
}

/** @param {{away: Away, zone: string, style: object}} props */
const AwayItem = ({ away, zone, style }) => html`
  <li class="lane-away" style=${style}><span><b>${formatTime(away.starts_at, zone)}–${formatTime(away.ends_at, zone)}</b> ${away.reason ?? t(away.cause === "imported" ? "day.imported" : "agenda.off")}</span></li>`;

/**
 * A booking or a session, as a button whose words say all of it.
 * @param {{entry: Entry, zone: string, arrivals: Map<string, Arrival>, urgent: boolean, fresh: boolean, onOpen: (id: string) => void}} props
 */
function EntryButton({ entry, zone, arrivals, urgent, fresh, onOpen }) {
  const { id, session, bookings } = entry;
  const [booking] = bookings;
  const tone = session ? "session" : booking.status;
  const arrival = !session && arrivals.get(id);
  const off = !session && !counts(booking);
  return html`<button type="button" class=${`lane-entry ${tone}${off ? " off" : ""}${urgent ? " urgent" : ""}${fresh ? " fresh" : ""}`} data-entry=${id} aria-haspopup="dialog" onClick=${() => onOpen(id)}>
    <span class="lane-time">${formatTime(entry.from, zone)}<span class="lane-until">–${formatTime(entry.until, zone)}</span></span>${" "}
    <span class="lane-who">${session ? session.title : booking.client.name}</span>${" "}
    <span class="lane-word">${session ? t("day.seats_taken", { taken: session.taken, of: session.seats }) : html`<${Icon} name=${statusIcon(booking.status)} size=${12} />${t(`status.${booking.status}`)}`}</span>
    ${arrival && html`${" "}<span class="lane-word">· ${t("day.number", { number: arrival.number })} ${t(`visit.state_${arrival.state}`)}</span>`}
    ${!session && booking.session && html`${" "}<span class="lane-note">${booking.session.title}</span>`}
    ${!session && booking.note && html`${" "}<span class="lane-note">${booking.note}</span>`}
  </button>`;
}
