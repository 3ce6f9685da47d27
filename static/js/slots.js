// Free slots of an expert or a branch, kept true while they are on the screen.
import { onTopic } from "./socket.js";
import { useWatched } from "./watched.js";

/** @import { Slots } from "./types.js" */
/** @import { Watched } from "./watched.js" */

const POLL_MS = 20_000;

/**
 * @param {{path: string, topic: string, skill?: string}} times where they are read, and what tells of changes
 * @param {{from: string, days: number, time_zone: string, minutes?: number}} query
 * @returns {Watched<Slots>}
 */
export const useSlots = ({ path, topic, skill }, query) =>
  useWatched({ path, query: skill ? { ...query, skill } : query, follow: (read) => [onTopic(topic, read)], every: POLL_MS });
