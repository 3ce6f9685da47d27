// What repeats: the rule that a form makes, and what stands of a series before it is booked, kept true while it is on
// the screen.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api.js";
import { onResync, onTopic } from "./socket.js";

/** @import { Slot } from "./types.js" */

/** @typedef {{id: string, number: number, of: number}} SeriesPlace */
/** @typedef {{every: "day" | "week" | "month", interval?: number, count?: number, until?: string}} SeriesRule */
/**
 * @typedef {object} Occurrence one time of a series that is looked at
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {string | null} instead_of when it would start by the rule
 * @property {boolean} free
 * @property {string | null} against why it is not free
 * @property {Slot[]} alternatives
 */
/** @typedef {{rrule: string, time_zone: string, free: number, occurrences: Occurrence[]}} SeriesPreview */

/** As many bookings a series has, at least and at most. */
export const LEAST = 2;
export const MOST = 52;
/** What is typed is asked about when it rests. */
const REST_MS = 350;

/** @typedef {{every: "" | "week" | "two_weeks" | "month", ends: "count" | "until", count: string, until: string}} Repeat */

/** @type {Repeat} */
export const ONCE = { every: "", ends: "count", count: "4", until: "" };

/** Whether as many times were typed as no series has. @param {Repeat} repeat */
export const outOfRange = ({ ends, count }) => ends === "count" && count !== "" && !(Number.isInteger(Number(count)) && Number(count) >= LEAST && Number(count) <= MOST);

/** The rule of what was filled in; null while there is none to ask about. @param {Repeat} repeat @returns {SeriesRule | null} */
export function ruleOf(repeat) {
  const { every, ends, count, until } = repeat;
  if (!every || !(ends === "count" ? count : until) || outOfRange(repeat)) return null;
  const end = ends === "count" ? { count: Number(count) } : { until };
  return { every: every === "month" ? "month" : "week", ...(every === "two_weeks" ? { interval: 2 } : {}), ...end };
}

/**
 * What was chosen for times that differ from the rule: by when they would start, when they start instead, or null when
 * they are left out.
 * @typedef {Map<string, string | null>} Choices
 */

/** @param {Choices} choices */
export const exceptionsOf = (choices) => [...choices].map(([starts_at, instead]) => (instead ? { starts_at, instead } : { starts_at }));

/**
 * Looks at a series again whenever its rule, what was chosen or the expert's time changes.
 * @param {{expert_id: string, starts_at: string, minutes: number}} what
 * @param {SeriesRule | null} rule
 */
export function usePreview(what, rule) {
  const [choices, setChoices] = useState(/** @type {Choices} */ (new Map()));
  const [state, setState] = useState(/** @type {{of: string, preview: SeriesPreview | null, problem: any}} */ ({ of: "", preview: null, problem: null }));
  const turn = useRef(0);
  const text = JSON.stringify(rule);
  const asked = useRef(text);
  const wish = JSON.stringify([what.expert_id, what.starts_at, what.minutes, rule, ...choices]);
  const read = useCallback(async () => {
    const mine = ++turn.current;
    if (!rule) return setState({ of: wish, preview: null, problem: null });
    try {
      const preview = await api.post("/series/preview", { ...what, mode: "online", rule, exceptions: exceptionsOf(choices) });
      if (mine === turn.current) setState({ of: wish, preview, problem: null });
    } catch (problem) {
      if (mine === turn.current) setState({ of: wish, preview: null, problem });
    }
  }, [wish]);

  useEffect(() => {
    if (asked.current !== text) {
      // Choices were made among the times of another rule.
      asked.current = text;
      if (choices.size) return setChoices(new Map());
    }
    const timer = setTimeout(read, REST_MS);
    return () => {
      clearTimeout(timer);
      turn.current++;
    };
  }, [read]);
  useEffect(() => {
    if (!rule) return;
    const stops = [onTopic(`expert:${what.expert_id}:slots`, read), onResync(read)];
    return () => stops.forEach((stop) => stop());
  }, [read]);

  return {
    preview: state.preview,
    problem: state.problem,
    /** Whether all of it is free; not before it was looked at as it is wished now. */
    bookable: state.of === wish && state.preview !== null && !clashes(state.preview).length,
    choices,
    retry: read,
    /** @param {string} startsAt @param {string | null} instead */
    choose: (startsAt, instead) => setChoices((old) => new Map(old).set(startsAt, instead)),
    /** As the rule says again. @param {string} startsAt */
    restore: (startsAt) => setChoices((old) => new Map([...old].filter(([at]) => at !== startsAt))),
    /** Leaves out all that are not free. */
    leaveOut: () => setChoices((old) => new Map([...old, ...clashes(state.preview).map((one) => /** @type {[string, null]} */ ([byRule(one), null]))])),
    /** What the server found when it was asked to book. @param {Occurrence[]} occurrences */
    found: (occurrences) => setState((old) => ({ ...old, preview: old.preview && { ...old.preview, occurrences, free: occurrences.filter((one) => one.free).length } })),
  };
}

/** When it would start by the rule. @param {Occurrence} one */
export const byRule = (one) => one.instead_of ?? one.starts_at;

/** @param {SeriesPreview | null} preview */
export const clashes = (preview) => preview?.occurrences.filter((one) => !one.free) ?? [];

/**
 * Bookings with those of one series together, in the place of the first.
 * @template {{id: string, series: {id: string} | null}} T
 * @param {T[]} bookings @returns {T[][]}
 */
export function grouped(bookings) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const booking of bookings) {
    const key = booking.series?.id ?? booking.id;
    groups.set(key, [...(groups.get(key) ?? []), booking]);
  }
  return [...groups.values()];
}
