// Reading data into a view: one hook for a thing, one for a list that grows page by page.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { now } from "./api.js";

/**
 * @template T
 * @param {() => Promise<T>} read
 * @param {any[]} deps reads anew, with a skeleton, when one of them changes
 */
export function useLoad(read, deps) {
  const [state, setState] = useState(/** @type {{data: T | undefined, error: any, loading: boolean}} */ ({
    data: undefined,
    error: null,
    loading: true,
  }));
  const turn = useRef(0);
  const run = useCallback(async (/** @type {boolean} */ quiet) => {
    const mine = ++turn.current;
    if (!quiet) setState((old) => (old.loading ? old : { data: undefined, error: null, loading: true }));
    try {
      const data = await read();
      if (mine === turn.current) setState({ data, error: null, loading: false });
    } catch (error) {
      // A quiet refresh that fails keeps what is on the page; the connection state tells the rest.
      if (mine === turn.current) setState((old) => (quiet && old.data !== undefined ? old : { data: undefined, error, loading: false }));
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
  return {
    ...state,
    /** Reads again without taking away what is shown. */
    refresh: useCallback(() => newest.current(true), [run]),
    /** Reads again from the start, for the retry button. */
    retry: useCallback(() => run(false), [run]),
    set: (/** @type {T} */ data) => {
      turn.current++;
      setState({ data, error: null, loading: false });
    },
  };
}

/**
 * @template {{id: string}} T
 * @param {(after: string | null, limit: number) => Promise<{items: T[], next: string | null}>} read one page
 * @param {any[]} deps
 * @param {number} [size]
 */
export function usePages(read, deps, size = 20) {
  const start = { items: /** @type {T[]} */ ([]), next: /** @type {string | null} */ (null), error: /** @type {any} */ (null), loading: true, more: false };
  const [state, setState] = useState(start);
  const turn = useRef(0);
  const first = useCallback(async (/** @type {boolean} */ quiet) => {
    const mine = ++turn.current;
    if (!quiet) setState((old) => (old.loading ? old : start));
    try {
      const page = await read(null, size);
      if (mine === turn.current) setState({ ...start, items: page.items, next: page.next, loading: false });
    } catch (error) {
      if (mine === turn.current) setState((old) => (quiet ? old : { ...start, error, loading: false }));
    }
  }, deps);
  useLayoutEffect(() => {
    first(false);
    return () => void turn.current++;
  }, [first]);

  const more = async () => {
    const mine = turn.current;
    setState((old) => ({ ...old, more: true, error: null }));
    try {
      const page = await read(state.next, size);
      if (mine !== turn.current) return;
      // A row that moved between two pages is shown once.
      setState((old) => {
        const seen = new Set(old.items.map((item) => item.id));
        return { ...old, items: [...old.items, ...page.items.filter((item) => !seen.has(item.id))], next: page.next, more: false };
      });
    } catch (error) {
      if (mine === turn.current) setState((old) => ({ ...old, error, more: false }));
    }
  };

  return {
    ...state,
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
