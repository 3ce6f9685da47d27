// Doing what a button asks for; what goes wrong is said at the edge of the page.
import { useState } from "preact/hooks";
import { explain } from "./parts/states.js";
import { say } from "./store.js";

/** @param {() => Promise<any>} work @returns {Promise<boolean>} whether it was done */
export async function attempt(work) {
  try {
    await work();
    return true;
  } catch (error) {
    say(explain(error), { tone: "bad" });
    return false;
  }
}

/**
 * The same for buttons that are not to be pressed meanwhile.
 * @returns {[boolean, (work: () => Promise<any>) => Promise<boolean>]} whether something is under way, and what begins it
 */
export function useRun() {
  const [busy, setBusy] = useState(false);
  const run = async (/** @type {() => Promise<any>} */ work) => {
    setBusy(true);
    const done = await attempt(work);
    setBusy(false);
    return done;
  };
  return [busy, run];
}
