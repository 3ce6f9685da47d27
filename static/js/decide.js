// Deciding about a booking: it is shown as done at once and sent a few seconds later, so that a slip can be taken back.
// Leaving the page sends what waits.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api } from "./api.js";
import { t } from "./i18n.js";
import { explain } from "./parts/states.js";
import { say, zone } from "./store.js";
import { formatWhen } from "./time.js";

/** @import { Booking, Status } from "./types.js" */

/** @typedef {"confirm" | "reject" | "complete" | "miss"} Decision */

const UNDO_MS = 5000;

/** What becomes of a booking. @type {Record<Decision, Status>} */
const OUTCOMES = { confirm: "confirmed", reject: "rejected", complete: "completed", miss: "missed" };
/** @type {Record<Decision, string>} */
const WORDS = { confirm: "live.confirmed", reject: "live.rejected", complete: "live.completed", miss: "live.missed" };

/**
 * @param {() => void} refresh
 */
export function useDecisions(refresh) {
  const [waiting, setWaiting] = useState(/** @type {Map<string, {version: number, verb: Decision}>} by id, with the version that was decided on */ (new Map()));
  const sends = useRef(/** @type {Map<string, {timer: number, send: () => Promise<void>, dismiss: () => void}>} */ (new Map()));

  const settle = (/** @type {string} */ id) => {
    const one = sends.current.get(id);
    if (!one) return;
    clearTimeout(one.timer);
    one.dismiss();
    sends.current.delete(id);
    return one;
  };
  const show = (/** @type {Booking[]} */ bookings) => setWaiting((old) => new Map([...old].filter(([id]) => bookings.every((one) => one.id !== id))));

  useEffect(() => {
    const flush = () => [...sends.current.keys()].forEach((id) => settle(id)?.send());
    addEventListener("pagehide", flush);
    return () => {
      removeEventListener("pagehide", flush);
      flush();
    };
  }, []);

  const decide = useCallback((/** @type {Booking[]} */ bookings, /** @type {Decision} */ verb, /** @type {string} */ reason = "") => {
    const [booking] = bookings;
    const { id } = booking;
    const subject = bookings.length > 1 ? `/series/${booking.series?.id}` : `/bookings/${id}`;
    const send = async () => {
      try {
        await api.post(`${subject}/${verb}`, reason ? { reason } : {});
        refresh();
      } catch (error) {
        say(`${booking.client.name}, ${formatWhen(booking.starts_at, zone.value)}: ${explain(error)}`, { tone: "bad", ms: 0 });
        show(bookings);
        refresh();
      }
    };
    const undo = () => {
      settle(id);
      show(bookings);
    };
    const dismiss = say(t(WORDS[verb], { name: booking.client.name }), { tone: "good", ms: 0, action: { label: t("live.undo"), run: undo } });
    const timer = setTimeout(() => settle(id)?.send(), UNDO_MS);
    sends.current.set(id, { timer, send, dismiss });
    setWaiting((old) => new Map([...old, ...bookings.map((one) => /** @type {[string, {version: number, verb: Decision}]} */ ([one.id, { version: one.version, verb }]))]));
  }, [refresh]);

  /** What was decided and not changed by anybody since. @param {Booking} booking */
  const decided = (booking) => {
    const one = waiting.get(booking.id);
    return one && one.version >= booking.version ? one.verb : null;
  };
  return {
    decide,
    decided,
    /** A booking as it will be. @param {Booking} booking @returns {Booking} */
    shown: (booking) => {
      const verb = decided(booking);
      return verb ? { ...booking, status: OUTCOMES[verb], actions: [] } : booking;
    },
  };
}
