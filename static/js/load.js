// Reading data into a view: one hook for a thing, one for a list that grows page by page.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { now } from "./api.js";

/** What there is before anything was read; one thing for all, so that it is no news to whoever compares. */
const NOTHING_YET = Object.freeze({ data: undefined, error: null, loading: true });
const NO_ROWS_YET = Object.freeze({ items: /** @type {any[]} */ ([]), next: null, error: null, loading: true, more: false });
/** The server answers no more rows at once. */
const MOST_ROWS = 100;

/**
 * @template T
 * @param {() => Promise<T>} read
 * @param {any[]} deps reads anew, with a skeleton, when one of them changes
 */
export function useLoad(read, deps) {
  /** For what it is read: an answer for something else is not shown, not even until the next frame. */
  const subject = useMemo(() => ({}), deps);
  const [state, setState] = useState(/** @type {{subject: object, data: T | undefined, error: any, loading: boolean}} */ ({ subject, ...NOTHING_YET }));
  const turn = useRef(0);
  const run = useCallback(async (/** @type {boolean} */ quiet) => {
    const mine = ++turn.current;
    if (!quiet) setState((old) => (old.loading && old.subject === subject ? old : { subject, ...NOTHING_YET }));
    try {
      const data = await read();
      if (mine === turn.current) setState({ subject, data, error: null, loading: false });
    } catch (error) {
      // A quiet refresh that fails keeps what is on the page; the connection state tells the rest.
      if (mine === turn.current) setState((old) => (quiet && old.subject === subject && old.data !== undefined ? old : { subject, data: undefined, error, loading: false }));
    }
  }, deps);
  // Whoever still holds an older refresh, such as a timer, has what is shown now read again and not what was before.
  const newest = useRef(run);
  newest.current = run;
  // What is shown needs it, so it is asked for before the browser draws what there is until then.
  useLayoutEffect(() => {
    run(false);
    return () => void turn.current++;
  }, [run]);
  const { data, error, loading } = state.subject === subject ? state : NOTHING_YET;
  return {
    data,
    error,
    loading,
    /** Reads again without taking away what is shown. */
    refresh: useCallback(() => newest.current(true), [run]),
    /** Reads again from the start, for the retry button. */
    retry: useCallback(() => run(false), [run]),
    set: (/** @type {T} */ data) => {
      turn.current++;
      setState({ subject, data, error: null, loading: false });
    },
  };
}

/**
 * Rows and those of the next page; one that moved between the two is shown once.
 * @template {{id: string}} T
 * @param {T[]} items @param {T[]} others @returns {T[]}
 */
function joined(items, others) {
  const seen = new Set(items.map((item) => item.id));
  return [...items, ...others.filter((item) => !seen.has(item.id))];
}

/**
 * @template {{id: string}} T
 * @param {(after: string | null, limit: number) => Promise<{items: T[], next: string | null}>} read one page
 * @param {any[]} deps
 * @param {number} [size]
 */
export function usePages(read, deps, size = 20) {
  const subject = useMemo(() => ({}), deps);
  const start = { subject, .../** @type {{items: T[], next: string | null, error: any, loading: boolean, more: boolean}} */ (NO_ROWS_YET) };
  const [state, setState] = useState(start);
  const turn = useRef(0);
  /** How many rows were asked for so far, and are shown: reading again takes none away that somebody has gone on to. */
  const asked = useRef(size);
  const rows = useRef(0);
  const first = useCallback(async (/** @type {boolean} */ quiet) => {
    const mine = ++turn.current;
    if (!quiet) {
      asked.current = size;
      rows.current = 0;
      setState((old) => (old.loading && old.subject === subject ? old : start));
    }
    try {
      // Asked anew each time, because somebody may want more meanwhile.
      const wanted = () => Math.max(asked.current, rows.current);
      let got = Math.min(wanted(), MOST_ROWS);
      let { items, next } = await read(null, got);
      while (next && got < wanted() && mine === turn.current) {
        const limit = Math.min(wanted() - got, MOST_ROWS);
        const page = await read(next, limit);
        items = joined(items, page.items);
        next = page.next;
        got += limit;
      }
      if (mine === turn.current) setState({ ...start, items, next, loading: false });
    } catch (error) {
      if (mine === turn.current) setState((old) => (quiet && old.subject === subject ? old : { ...start, error, loading: false }));
    }
  }, deps);
  useLayoutEffect(() => {
    first(false);
    return () => void turn.current++;
  }, [first]);

  const shown = state.subject === subject ? state : start;
  rows.current = shown.items.length;
  const more = async () => {
    const mine = turn.current;
    asked.current += size;
    setState((old) => ({ ...old, more: true, error: null }));
    try {
      const page = await read(shown.next, size);
      // What is read again meanwhile reads these rows, too.
      if (mine !== turn.current) return;
      setState((old) => ({ ...old, items: joined(old.items, page.items), next: page.next, more: false }));
    } catch (error) {
      if (mine !== turn.current) return;
      asked.current -= size;
      setState((old) => ({ ...old, error, more: false }));
    }
  };

  return {
    ...shown,
    showMore: more,
    refresh: useCallback(() => first(true), [first]),
    retry: useCallback(() => first(false), [first]),
    /** @param {(items: T[]) => T[]} change */
    change: (change) => setState((old) => ({ ...old, items: change(old.items) })),
  };
}

/** Browsers count no further than this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** What the server decides at an instant is asked for a little after it. */
const AFTER_MS = 300;

/**
 * Runs when the next of some instants has come: what may be done with a thing changes with time, too, and nobody tells.
 * @param {(string | null | undefined)[]} instants @param {() => void} run
 */
export function useAt(instants, run) {
  const [next] = instants.map((at) => Date.parse(at ?? "")).filter((at) => at > now()).sort((a, b) => a - b);
  useEffect(() => {
    const ms = next - now() + AFTER_MS;
    if (!(ms <= LONGEST_TIMER_MS)) return;
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  }, [next, run]);
}
