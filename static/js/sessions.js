// An expert's group sessions ahead, kept true while they are on the screen: a seat that is taken or given back is told
// by the same topic as the expert's free times.
import { useEffect } from "preact/hooks";
import { api } from "./api.js";
import { usePages } from "./load.js";
import { onResync, onTopic } from "./socket.js";

/** @import { GroupSession, Page } from "./types.js" */

/** How far ahead they are shown. */
const DAYS = 366;

/** @param {string} expertId @param {number} [size] */
export function useSessions(expertId, size = 10) {
  const pages = usePages((after, limit) => /** @type {Promise<Page<GroupSession>>} */ (api.get(`/experts/${expertId}/sessions`, { days: DAYS, after, limit })), [expertId], size);
  useEffect(() => {
    const stops = [onTopic(`expert:${expertId}:slots`, pages.refresh), onResync(pages.refresh)];
    return () => stops.forEach((stop) => stop());
  }, [pages.refresh]);
  return pages;
}
