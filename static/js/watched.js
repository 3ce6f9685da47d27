// Something of the server's, kept true while it is on the screen: told by the socket when there is one, asked now and
// then (with the ETag, so mostly a 304) when there is none. What was read stays on the page when asking fails, and the
// page can say how old it is.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, now } from "./api.js";
import { onResync, topicsArrive } from "./socket.js";

/** @import { Api } from "./api.js" */

/**
 * @template T
 * @typedef {object} Watched
 * @property {T | null} data
 * @property {any} error why there is nothing to show
 * @property {boolean} loading
 * @property {number | null} at when `data` was last known to be true
 * @property {boolean} failing whether the last time of asking failed
 * @property {() => void} refresh
 * @property {() => void} retry
 * @property {(data: T) => void} set shows what an action answered, before it is read again
 */

/**
 * @template T
 * @param {object} what
 * @param {string} what.path
 * @param {Record<string, unknown>} [what.query]
 * @param {Api} [what.via] whose calls they are
 * @param {(read: () => void) => (() => void)[]} what.follow listens for what tells of changes
 * @param {() => boolean} [what.arrives] whether changes are told, so that nobody needs to ask
 * @param {number | ((data: T | null) => number)} what.every how long to wait until asking again, in milliseconds
 * @returns {Watched<T>}
 */
export function useWatched({ path, query, via = api, follow, arrives = topicsArrive, every }) {
  const key = JSON.stringify([path, query]);
  const [state, setState] = useState(/** @type {{key: string, data: T | null, error: any, at: number | null, failing: boolean}} */ ({ key: "", data: null, error: null, at: null, failing: false }));
  const [attempt, setAttempt] = useState(0);
  const hands = useRef({ read: () => {}, set: (/** @type {T} */ _) => {} });

  useEffect(() => {
    let current = true;
    let reading = false;
    let again = false;
    /** Rises with what an action has answered, which a read from before it must not undo. */
    let turn = 0;
    let timer = 0;
    /** What could not be read when it was told of has to be asked for, since nobody tells of it again. */
    let missed = false;
    /** @type {T | null} */
    let known = null;
    /** @type {string | null} */
    let etag = null;
    const read = async () => {
      // Changes that arrive during a read are covered by one more read after it.
      if (reading) return void (again = true);
      reading = true;
      const mine = turn;
      try {
        const answer = await via.read(path, query, etag);
        missed = false;
        if (!current || mine !== turn) return;
        etag = answer.etag;
        known = answer.data ?? known;
        setState({ key, data: known, error: null, at: now(), failing: false });
      } catch (error) {
        missed = true;
        if (current && mine === turn) setState((old) => (old.key === key && old.data ? { ...old, failing: true } : { key, data: null, error, at: null, failing: true }));
      } finally {
        reading = false;
        if (again && current) {
          again = false;
          read();
        }
      }
    };
    hands.current = {
      read,
      set: (data) => {
        turn++;
        etag = null;
        known = data;
        setState({ key, data, error: null, at: now(), failing: false });
        read();
      },
    };
    const wake = () => document.visibilityState === "visible" && read();
    const ask = () => {
      timer = setTimeout(() => {
        if (missed || !arrives()) wake();
        ask();
      }, typeof every === "function" ? every(known) : every);
    };
    read();
    ask();
    const stops = [...follow(read), onResync(read)];
    document.addEventListener("visibilitychange", wake);
    addEventListener("online", read);
    return () => {
      current = false;
      stops.forEach((stop) => stop());
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", wake);
      removeEventListener("online", read);
    };
  }, [key, attempt, via]);

  const mine = state.key === key;
  return {
    data: mine ? state.data : null,
    error: mine ? state.error : null,
    loading: !mine || (!state.data && !state.error),
    at: mine ? state.at : null,
    failing: mine && state.failing,
    refresh: () => hands.current.read(),
    set: (data) => hands.current.set(data),
    retry: () => {
      setState({ key: "", data: null, error: null, at: null, failing: false });
      setAttempt((n) => n + 1);
    },
  };
}
