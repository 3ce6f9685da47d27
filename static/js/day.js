// A day of a branch, worked out of its sheet and its bookings: who has what when, what stands beside each other, what
// needs somebody, and the day in figures. Nothing here reads or draws.

/** @import { Booking, Ref } from "./types.js" */
/** @import { VisitState } from "./queue.js" */

/** @typedef {{starts_at: string, ends_at: string}} Stretch */
/** @typedef {Stretch & {cause: "time_off" | "imported", reason: string | null}} Away */
/** @typedef {Stretch & {id: string, expert: Ref, title: string, seats: number, taken: number}} DaySession */
/** @typedef {{booking_id: string, visit_id: string, number: number, state: VisitState, came_at: string}} Arrival */

/**
 * @typedef {object} DayExpert
 * @property {Ref} expert
 * @property {"online" | "busy" | "offline"} presence
 * @property {string[]} skills
 * @property {Stretch[]} hours within those of the branch; what the expert is away is still in them
 * @property {boolean} holiday
 * @property {Away[]} away
 */

/**
 * @typedef {object} DaySheet
 * @property {Ref} branch
 * @property {string} time_zone
 * @property {string} date
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {Stretch[] | null} opening none: those of its experts
 * @property {DayExpert[]} experts
 * @property {DaySession[]} sessions
 * @property {Arrival[]} arrivals
 */

/**
 * @typedef {object} Entry what takes a stretch of a lane: a booking, or a session with its seats
 * @property {string} id
 * @property {number} from in milliseconds
 * @property {number} until
 * @property {Booking[]} bookings
 * @property {DaySession | null} session
 * @property {number} column beside what overlaps it
 * @property {number} columns
 */

/** @typedef {{expert: Ref, day: DayExpert | null, entries: Entry[]}} Lane day: none of whoever no longer works there */
/** @typedef {"pending" | "gone" | "over" | "late" | "clock" | "away" | "outside"} Why */
/** @typedef {{booking: Booking, why: Why[]}} Need */

export const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Whoever has an appointment may be this late before anybody asks. */
const LATE_MS = 5 * MINUTE_MS;
/** A day without anything is shown from here to there, in hours. */
const USUAL = [8, 18];

/** The order in which they are to be looked at. @type {Why[]} */
export const WHYS = ["pending", "gone", "over", "late", "clock", "away", "outside"];

const at = Date.parse;

/** Whether it takes time, or took it: whatever was not called off. @param {Pick<Booking, "status">} booking */
export const counts = ({ status }) => status !== "cancelled" && status !== "rejected";
/** @param {Pick<Booking, "status">} booking */
const isOpen = ({ status }) => status === "pending" || status === "confirmed";

/** @param {DaySheet} sheet @param {Booking[]} bookings @returns {Lane[]} */
export function lanesOf(sheet, bookings) {
  /** @type {Map<string, Lane>} */
  const lanes = new Map(sheet.experts.map((day) => [day.expert.id, { expert: day.expert, day, entries: [] }]));
  const lane = (/** @type {Ref} */ expert) => {
    const found = lanes.get(expert.id) ?? { expert, day: null, entries: [] };
    lanes.set(expert.id, found);
    return found;
  };
  /** @type {Map<string, Entry>} */
  const sessions = new Map();
  for (const session of sheet.sessions) {
    const entry = { id: session.id, from: at(session.starts_at), until: at(session.ends_at), bookings: [], session, column: 0, columns: 1 };
    sessions.set(session.id, entry);
    lane(session.expert).entries.push(entry);
  }
  for (const booking of bookings) {
    // Seats are in their session; one of a session that was called off stands for itself.
    const session = booking.session && sessions.get(booking.session.id);
    if (session) session.bookings.push(booking);
    else lane(booking.expert).entries.push({ id: booking.id, from: at(booking.starts_at), until: at(booking.ends_at), bookings: [booking], session: null, column: 0, columns: 1 });
  }
  for (const one of lanes.values()) beside(one.entries);
  return [...lanes.values()];
}

/** Puts what overlaps beside each other, what takes time before what was called off. @param {Entry[]} entries */
function beside(entries) {
  const live = (/** @type {Entry} */ entry) => Number(!entry.session && !entry.bookings.some(counts));
  entries.sort((a, b) => a.from - b.from || live(a) - live(b) || a.until - b.until);
  /** @type {Entry[]} */
  let cluster = [];
  let until = -Infinity;
  const close = () => {
    const columns = Math.max(0, ...cluster.map((entry) => entry.column)) + 1;
    for (const entry of cluster) entry.columns = columns;
    cluster = [];
  };
  for (const entry of entries) {
    if (entry.from >= until) close();
    const taken = new Set(cluster.filter((other) => other.until > entry.from).map((other) => other.column));
    entry.column = 0;
    while (taken.has(entry.column)) entry.column++;
    cluster.push(entry);
    until = cluster.length === 1 ? entry.until : Math.max(until, entry.until);
  }
  close();
}

/** What of the day is shown: whole hours around everything that is in it. @param {DaySheet} sheet @param {Lane[]} lanes */
export function shownOf(sheet, lanes) {
  const start = at(sheet.starts_at);
  const stretches = lanes.flatMap(({ day, entries }) => [...entries, ...(day?.hours ?? []).map(span)]).concat(/** @type {any[]} */ ((sheet.opening ?? []).map(span)));
  const hours = (/** @type {number} */ ms, /** @type {(n: number) => number} */ round) => start + round((ms - start) / HOUR_MS) * HOUR_MS;
  if (!stretches.length) return { from: start + USUAL[0] * HOUR_MS, until: start + USUAL[1] * HOUR_MS };
  return { from: hours(Math.min(...stretches.map((one) => one.from)), Math.floor), until: hours(Math.max(...stretches.map((one) => one.until)), Math.ceil) };
}

/** @param {Stretch} stretch */
export const span = (stretch) => ({ from: at(stretch.starts_at), until: at(stretch.ends_at) });

/** Each full hour from the first to the last. @param {{from: number, until: number}} shown */
export const hoursOf = ({ from, until }) => Array.from({ length: Math.round((until - from) / HOUR_MS) + 1 }, (_, n) => from + n * HOUR_MS);

/**
 * The bookings that somebody has to see to, the most pressing first.
 * @param {Lane[]} lanes @param {Map<string, Arrival>} arrivals by the booking @param {number} now
 * @param {boolean} checksIn whether clients say at this branch that they have come
 * @returns {Need[]}
 */
export function needsOf(lanes, arrivals, now, checksIn) {
  const needs = lanes.flatMap(({ day, entries }) =>
    entries.flatMap(({ bookings, session }) =>
      bookings.filter(isOpen).map((booking) => {
        const arrival = arrivals.get(booking.id);
        const { from, until } = span(booking);
        const over = now >= until;
        /** @type {Record<Why, boolean>} */
        const is = {
          pending: booking.status === "pending",
          gone: booking.status === "confirmed" && Boolean(arrival && ["no_show", "left", "timed_out"].includes(arrival.state)),
          over: booking.status === "confirmed" && over,
          late: booking.status === "confirmed" && checksIn && booking.mode === "offline" && !booking.session && !arrival && !over && now >= from + LATE_MS,
          clock: Boolean(booking.clock_moved),
          away: !over && Boolean(day?.away.some((one) => one.cause === "time_off" && at(one.starts_at) < until && from < at(one.ends_at))),
          // A session is where its expert has put it, inside the hours or not.
          outside: !over && !session && Boolean(day && !day.hours.some((one) => at(one.starts_at) <= from && until <= at(one.ends_at))),
        };
        return { booking, why: WHYS.filter((why) => is[why]) };
      }),
    ),
  );
  const rank = (/** @type {Need} */ { why }) => WHYS.indexOf(why[0]);
  return needs.filter(({ why }) => why.length > 0).sort((a, b) => rank(a) - rank(b) || at(a.booking.starts_at) - at(b.booking.starts_at));
}

/**
 * The day in figures, as it is at `now`.
 * @param {DaySheet} sheet @param {Lane[]} lanes @param {number} now
 */
export function figuresOf(sheet, lanes, now) {
  const bookings = lanes.flatMap(({ entries }) => entries.flatMap((entry) => entry.bookings));
  const number = (/** @type {(booking: Booking) => boolean} */ is) => bookings.filter(is).length;
  const start = at(sheet.starts_at);
  const begun = now > start;
  const until = begun ? Math.min(now, at(sheet.ends_at)) : at(sheet.ends_at);
  let [booked, open] = [0, 0];
  for (const { day, entries } of lanes) {
    const taken = entries.filter(({ bookings: some, session }) => session || some.some(counts));
    booked += length(taken, [], until);
    open += length((day?.hours ?? []).map(span), (day?.away ?? []).map(span), until);
  }
  return {
    booked: number(counts),
    pending: number(({ status }) => status === "pending"),
    completed: number(({ status }) => status === "completed"),
    missed: number(({ status }) => status === "missed"),
    /** Of the hours up to now, or of all where the day is over or not begun; `null` without hours. */
    used: open > 0 ? booked / open : null,
    soFar: begun && now < at(sheet.ends_at),
  };
}

/** @typedef {{from: number, until: number}} Span */

/** How long some stretches are together, without others, up to an instant. @param {Span[]} spans @param {Span[]} without @param {number} until */
function length(spans, without, until) {
  // Each edge opens or closes one; time counts while something is open and nothing stands against it.
  const edges = [...spans.map((one) => ({ ...one, kind: 0 })), ...without.map((one) => ({ ...one, kind: 1 }))].flatMap(({ from, until: to, kind }) => [
    { ms: Math.min(from, until), kind, by: 1 },
    { ms: Math.min(to, until), kind, by: -1 },
  ]);
  edges.sort((a, b) => a.ms - b.ms);
  const open = [0, 0];
  let [sum, last] = [0, 0];
  for (const { ms, kind, by } of edges) {
    if (open[0] > 0 && open[1] === 0) sum += ms - last;
    open[kind] += by;
    last = ms;
  }
  return sum;
}
