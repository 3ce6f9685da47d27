// The vendored calendar, told what to show. It knows only fixed offsets, so every moment goes in and comes out as wall
// clock of the reader's zone; the offset of now is set so that its "now" line is right.
import { useEffect, useRef, useState } from "preact/hooks";
import { calendarLibrary } from "../calendar.js";
import { now } from "../api.js";
import { html } from "../html.js";
import { regional, t } from "../i18n.js";
import { zone } from "../store.js";
import { formatTime, instantOf, wallClock } from "../time.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Booking, TimeOff } from "../types.js" */

const SLOT_MINUTES = "00:30";
/** High enough for two lines in the shortest usual booking. */
const SLOT_PIXELS = 38;
const LONG_PRESS_MS = 400;
const AFTER_DRAG_MS = 300;

/** On a desk and on a phone, where seven columns leave no room for words. @type {Record<string, string[]>} */
const views = { day: ["timeGridDay", "timeGridDay"], week: ["timeGridWeek", "listWeek"], month: ["dayGridMonth", "listMonth"] };

/** Minutes east of UTC, now. */
const offsetNow = () => Math.round((Date.parse(`${wallClock(now(), zone.value)}Z`) - now()) / 60_000);

/** @param {number} minutes */
function offsetText(minutes) {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${String(Math.floor(size / 60)).padStart(2, "0")}:${String(size % 60).padStart(2, "0")}`;
}

/** @param {Booking} booking */
const asEvent = (booking) => ({
  id: booking.id,
  start: wallClock(booking.starts_at, zone.value),
  end: wallClock(booking.ends_at, zone.value),
  title: booking.client.name,
  editable: booking.actions.includes("reschedule"),
  durationEditable: false,
  classNames: ["agenda-event", booking.status, ...(booking.clock_moved ? ["clock-moved"] : [])],
  extendedProps: { booking },
});

/** @param {TimeOff} off */
const asBlock = (off) => ({
  id: off.id,
  start: wallClock(off.starts_at, zone.value),
  end: wallClock(off.ends_at, zone.value),
  title: off.reason ?? t("agenda.off"),
  editable: false,
  classNames: ["agenda-event", "off"],
  extendedProps: { off },
});

/**
 * @typedef {object} Handlers
 * @property {(from: string, until: string) => void} onRange dates on the screen, until excluded
 * @property {(booking: Booking) => void} onOpen
 * @property {(booking: Booking, startsAt: string, revert: () => void) => void} onMove
 * @property {(startsAt: string, endsAt: string) => void} onBlock
 * @property {(off: TimeOff) => void} onOff
 */

/**
 * @param {{view: "day" | "week" | "month", date: string, narrow: boolean, bookings: Booking[], offs: TimeOff[], held?: boolean} & Handlers} props
 *   held: somebody decides about a booking that was dragged, which lies where it was dropped until then
 */
export function AgendaCalendar(props) {
  const { view, date, narrow, bookings, offs, held } = props;
  const target = useRef(/** @type {HTMLElement | null} */ (null));
  const [calendar, setCalendar] = useState(/** @type {any} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [dragging, setDragging] = useState(false);
  const handlers = useRef(props);
  handlers.current = props;
  const shown = views[view][narrow ? 1 : 0];

  useEffect(() => {
    let made = /** @type {any} */ (null);
    let library = /** @type {any} */ (null);
    let current = true;
    // Whatever its zone, the calendar hands out dates whose local parts are the wall clock it shows.
    const wall = (/** @type {Date} */ at) => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
    const instant = (/** @type {Date} */ at) => instantOf(wall(at), zone.value);
    let draggedAt = -Infinity;
    const open = (/** @type {{booking?: Booking, off?: TimeOff}} */ { booking, off }) => {
      // The press that ends a drag is no press on the event.
      if (performance.now() - draggedAt < AFTER_DRAG_MS) return;
      if (booking) handlers.current.onOpen(booking);
      else if (off) handlers.current.onOff(off);
    };
    const stopRoles = target.current ? keepRolesTrue(target.current) : () => {};
    calendarLibrary().then(
      (loaded) => {
        if (!current || !target.current) return;
        library = loaded;
        made = library.create(target.current, {
          view: shown,
          date: `${date}T12:00:00`,
          timeZone: offsetText(offsetNow()),
          locale: regional.value,
          firstDay: 1,
          headerToolbar: { start: "", center: "", end: "" },
          slotMinTime: "07:00:00",
          slotMaxTime: "20:00:00",
          flexibleSlotTimeLimits: true,
          slotDuration: SLOT_MINUTES,
          slotHeight: SLOT_PIXELS,
          slotLabelFormat: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
          eventTimeFormat: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
          dayHeaderFormat: { weekday: "short", day: "numeric" },
          views: { dayGridMonth: { dayHeaderFormat: { weekday: "short" } } },
          dayMaxEvents: true,
          allDaySlot: false,
          nowIndicator: true,
          selectable: true,
          longPressDelay: LONG_PRESS_MS,
          eventDurationEditable: false,
          noEventsContent: t("agenda.none"),
          events: [],
          datesSet: (/** @type {any} */ { start, end }) => handlers.current.onRange(wall(start).slice(0, 10), wall(end).slice(0, 10)),
          eventContent: (/** @type {any} */ { event }) => ({ domNodes: [content(event, open)] }),
          eventDragStart: () => setDragging(true),
          eventDragStop: () => {
            draggedAt = performance.now();
            setDragging(false);
          },
          eventDrop: (/** @type {any} */ { event, revert }) => handlers.current.onMove(event.extendedProps.booking, instant(event.start), revert),
          select: (/** @type {any} */ { start, end }) => {
            handlers.current.onBlock(instant(start), instant(end));
            made.unselect();
          },
        });
        setCalendar(made);
      },
      (reason) => current && setError(reason),
    );
    return () => {
      current = false;
      stopRoles();
      if (made) library.destroy(made);
      setCalendar(null);
      setDragging(false);
    };
  }, [zone.value, regional.value]);

  useEffect(() => {
    if (!calendar) return;
    calendar.setOption("view", shown);
    calendar.setOption("date", `${date}T12:00:00`);
  }, [calendar, shown, date]);
  const busy = dragging || Boolean(held);
  const drawn = useRef(/** @type {any[]} */ ([]));
  useEffect(() => {
    const wanted = [calendar, bookings, offs];
    // What is told while somebody drags would take the booking out of their hand; what they left alone stays as it lies.
    if (!calendar || busy || wanted.every((one, n) => one === drawn.current[n])) return;
    drawn.current = wanted;
    calendar.setOption("events", [...bookings.map(asEvent), ...offs.map(asBlock)]);
  }, [calendar, bookings, offs, busy]);

  if (error) return html`<${Failed} error=${error} retry=${() => location.reload()} />`;
  return html`<div class="agenda-calendar">${!calendar && html`<${Skeleton} rows=${5} />`}<div ref=${target}></div></div>`;
}

/**
 * The inside of an event: one button with time, person and status; built as nodes, never as HTML text.
 * @param {any} event @param {(what: {booking?: Booking, off?: TimeOff}) => void} open
 */
function content(event, open) {
  const { booking, off } = event.extendedProps;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "agenda-open";
  button.addEventListener("click", () => open({ booking, off }));
  const line = (/** @type {string} */ className, /** @type {string} */ text) => {
    const made = document.createElement("span");
    made.className = className;
    made.textContent = text;
    button.append(made, " ");
  };
  const at = (booking ?? off)?.starts_at;
  if (at) line("agenda-time", formatTime(at, zone.value));
  line("agenda-title", event.title);
  const status = booking && t(`status.${booking.status}`);
  if (booking) line("agenda-status", booking.clock_moved ? `${t("clock.moved")} · ${status}` : status);
  if (booking?.series) line("agenda-status", t("series.place", { n: booking.series.number, of: booking.series.of }));
  return button;
}

/**
 * The calendar claims to be a table but leaves rows out, which makes screen readers say nonsense. Without those claims
 * it reads as what it is: headings and buttons in order.
 * @param {HTMLElement} target @returns {() => void} stops
 */
function keepRolesTrue(target) {
  const correct = () => {
    for (const one of target.querySelectorAll('[role]:not([role="button"])')) one.removeAttribute("role");
    for (const name of ["aria-colindex", "aria-colspan"]) {
      for (const one of target.querySelectorAll(`[${name}]`)) one.removeAttribute(name);
    }
    for (const one of target.querySelectorAll("h4:not([aria-level])")) one.setAttribute("aria-level", "3");
  };
  const watcher = new MutationObserver(correct);
  watcher.observe(target, { childList: true, subtree: true, attributes: true, attributeFilter: ["role"] });
  return () => watcher.disconnect();
}
