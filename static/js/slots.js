// Free slots of an expert or a branch, kept true while they are on the screen: told by the socket when there is one, asked every
// twenty seconds (with the ETag, so mostly a 304) when there is none.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api.js";
import { onResync, onTopic, topicsArrive } from "./socket.js";

/** @import { Slots } from "./types.js" */

const POLL_MS = 20_000;

/**
 * @param {{path: string, topic: string, skill?: string}} times where they are read, and what tells of changes
 * @param {{from: string, days: number, time_zone: string, minutes?: number}} query
 * @returns {{data: Slots | null, error: any, loading: boolean, retry: () => void}}
 */
export function useSlots({ path, topic, skill }, query) {
  const asked = skill ? { ...query, skill } : query;
  const key = JSON.stringify([path, asked]);
  const [state, setState] = useState(/** @type {{key: string, data: Slots | null, error: any}} */ ({ key: "", data: null, error: null }));
  const [attempt, setAttempt] = useState(0);
  const etag = useRef(/** @type {string | null} */ (null));

  useEffect(() => {
    let current = true;
    let reading = false;
    let again = false;
    etag.current = null;
    const read = async () => {
      // Changes that arrive during a read are covered by one more read after it.
      if (reading) return void (again = true);
      reading = true;
      try {
        const answer = await api.read(path, asked, etag.current);
        if (!current) return;
        etag.current = answer.etag;
        if (answer.data) setState({ key, data: answer.data, error: null });
      } catch (error) {
        if (current) setState((old) => (old.key === key && old.data ? old : { key, data: null, error }));
      } finally {
        reading = false;
        if (again && current) {
          again = false;
          read();
        }
      }
    };
    const wake = () => document.visibilityState === "visible" && read();
    read();
    const stopTopic = onTopic(topic, read);
    const stopResync = onResync(read);
    const timer = setInterval(() => !topicsArrive() && document.visibilityState === "visible" && read(), POLL_MS);
    document.addEventListener("visibilitychange", wake);
    return () => {
      current = false;
      stopTopic();
      stopResync();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [key, attempt]);

  const mine = state.key === key;
  return {
    data: mine ? state.data : null,
    error: mine ? state.error : null,
    loading: !mine || (!state.data && !state.error),
    retry: () => {
      setState({ key: "", data: null, error: null });
      setAttempt((n) => n + 1);
    },
  };
}
