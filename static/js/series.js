// What repeats: the rule that a form makes, and what stands of a series before it is booked, kept true while it is on
// the screen.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api.js";
import { onResync, onTopic } from "./socket.js";

/** @import { Occurrence, SeriesPreview, SeriesRule } from "./types.js" */

/** Bookings that one series may have. */
export const MOST = 52;
/** What is typed is asked about when it rests. */
const REST_MS = 350;

/** @typedef {{every: "" | "week" | "two_weeks" | "month", ends: "count" | "until", count: string, until: string}} Repeat */

/** @type {Repeat} */
export const ONCE = { every: "", ends: "count", count: "4", until: "" };

/** The rule of what was filled in; null while it is not whole. @param {Repeat} repeat @returns {SeriesRule | null} */
export function ruleOf({ every, ends, count, until }) {
  if (!every || !(ends === "count" ? count : until)) return null;
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
  const [state, setState] = useState(/** @type {{preview: SeriesPreview | null, problem: any, reading: boolean}} */ ({ preview: null, problem: null, reading: false }));
  const turn = useRef(0);
  const text = JSON.stringify(rule);
  const asked = useRef(text);
  const read = useCallback(async () => {
    const mine = ++turn.current;
    if (!rule) return setState({ preview: null, problem: null, reading: false });
    setState((old) => ({ ...old, reading: true }));
    try {
      const preview = await api.post("/series/preview", { ...what, mode: "online", rule, exceptions: exceptionsOf(choices) });
      if (mine === turn.current) setState({ preview, problem: null, reading: false });
    } catch (problem) {
      if (mine === turn.current) setState({ preview: null, problem, reading: false });
    }
  }, [what.expert_id, what.starts_at, what.minutes, text, choices]);

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
    ...state,
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
