// News as it happens. A WebSocket when it can be had, else the same stream as server-sent events, else polling; after
// a drop it resumes from the last offset, so nothing is missed and nothing comes twice.
import { api } from "./api.js";
import { accessToken, renew, tokenLeft, user } from "./session.js";
import { connection, online, unread } from "./store.js";

/** @import { Notification } from "./types.js" */

/** @type {Set<(notification: Notification) => void>} */
const newsListeners = new Set();
/** @type {Set<(read: {id?: string, up_to?: number}) => void>} */
const readListeners = new Set();
/** @type {Map<string, Set<(event: any) => void>>} */
const topics = new Map();
/** @type {Set<() => void>} */
const resyncListeners = new Set();

const POLL_MS = 15_000;
const RETRY_MS = 60_000;
const TOKEN_MARGIN_MS = 60_000;
/** What comes to the signed-in person without asking. */
const OWN = "user";

/** @type {WebSocket | null} */
let socket = null;
/** @type {EventSource | null} */
let stream = null;
/** The newest offset seen; null before the first welcome. @type {number | null} */
let offset = null;
let failures = 0;
let socketFailures = 0;
let generation = 0;
let topicsLive = false;
/** @type {Set<number>} */
const timers = new Set();

/** @param {() => void} run @param {number} ms */
function later(run, ms) {
  const id = setTimeout(() => {
    timers.delete(id);
    run();
  }, ms);
  timers.add(id);
}

/** Starts or stops with the person who is signed in. @param {string | null} userId */
export function follow(userId) {
  hangUp();
  offset = null;
  unread.value = 0;
  failures = socketFailures = 0;
  if (!userId) {
    connection.value = "off";
    return;
  }
  connection.value = "connecting";
  connect();
}

function hangUp() {
  generation++;
  timers.forEach(clearTimeout);
  timers.clear();
  socket?.close(1000);
  stream?.close();
  socket = stream = null;
  topicsLive = false;
}

async function connect() {
  const mine = generation;
  try {
    const { ticket } = await api.post("/live/ticket");
    if (mine !== generation) return;
    // Two failures to open a socket in a row mean that something on the way does not let it through.
    if (socketFailures < 2) openSocket(ticket);
    else openStream(ticket);
  } catch {
    if (mine === generation) reconnect();
  }
}

const resumeFrom = () => (offset === null ? "" : `&after=${offset}`);

/** @param {string} ticket */
function openSocket(ticket) {
  const mine = generation;
  let welcomed = false;
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws?ticket=${encodeURIComponent(ticket)}${resumeFrom()}`;
  const ws = new WebSocket(url);
  socket = ws;
  ws.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === "welcome") {
      welcomed = topicsLive = true;
      socketFailures = 0;
      for (const topic of topics.keys()) ask("subscribe", topic);
      keepAuthenticated(mine);
    }
    receive(frame);
  };
  ws.onclose = ({ code }) => {
    if (mine !== generation) return;
    socket = null;
    topicsLive = false;
    if (!welcomed) socketFailures++;
    if (code === 4403) return follow(null);
    // A token that ran out while the page slept is renewed before the next ticket.
    const ready = code === 4401 ? renew(accessToken()).catch(() => null) : Promise.resolve(null);
    ready.then(() => {
      if (mine === generation) reconnect();
    });
  };
}

/** @param {string} ticket */
function openStream(ticket) {
  const mine = generation;
  let welcomed = false;
  const source = new EventSource(`/api/v1/live/events?ticket=${encodeURIComponent(ticket)}${resumeFrom()}`);
  stream = source;
  const take = (/** @type {MessageEvent} */ { data }) => {
    welcomed = true;
    receive(JSON.parse(data));
  };
  source.onmessage = take;
  for (const type of ["welcome", "notification", "caught_up", "event", "read"]) source.addEventListener(type, take);
  source.onerror = () => {
    // The ticket in the address is spent, so the browser's own retry cannot work.
    source.close();
    if (mine !== generation) return;
    stream = null;
    if (welcomed) reconnect();
    else poll();
  };
}

function reconnect() {
  failures++;
  connection.value = "reconnecting";
  if (failures > 4) return poll();
  const ceiling = Math.min(30_000, 500 * 2 ** failures);
  later(connect, ceiling * (0.5 + Math.random() / 2));
}

/** The last resort: asks now and then, and keeps trying for something better. */
async function poll() {
  connection.value = "polling";
  const mine = generation;
  const look = async () => {
    if (online.value) {
      const page = await api.get("/notifications", { limit: 10 }).catch(() => null);
      const count = await api.get("/notifications/unread-count").catch(() => null);
      if (mine !== generation || connection.value !== "polling") return;
      if (page) {
        const seen = offset;
        const fresh = page.items.filter((/** @type {Notification} */ n) => seen !== null && n.offset > seen).reverse();
        offset = page.items[0]?.offset ?? offset ?? 0;
        for (const one of fresh) newsListeners.forEach((listener) => listener(one));
      }
      if (count) unread.value = count.unread;
    }
    later(look, POLL_MS);
  };
  look();
  later(() => {
    hangUp();
    failures = socketFailures = 0;
    connect();
  }, RETRY_MS);
}

/** @param {any} frame */
function receive(frame) {
  switch (frame.type) {
    case "welcome":
      failures = 0;
      connection.value = "live";
      unread.value = frame.unread;
      // A first welcome tells where we stand; after a drop the replay brings us there.
      if (offset === null) offset = frame.offset;
      else resyncListeners.forEach((listener) => listener());
      break;
    case "notification":
      if (offset !== null && frame.offset <= offset) return;
      offset = frame.offset;
      if (!frame.notification.read_at) unread.value++;
      newsListeners.forEach((listener) => listener(frame.notification));
      break;
    case "caught_up":
      offset = Math.max(offset ?? 0, frame.offset);
      countUnread();
      break;
    case "read":
      readListeners.forEach((listener) => listener(frame));
      countUnread();
      break;
    case "event":
      topics.get(frame.topic)?.forEach((listener) => listener(frame.event));
      break;
  }
}

let counting = false;
let outdated = false;

/** One count for a burst of frames. What arrives while the question is under way may be younger than its answer. */
export async function countUnread() {
  outdated = true;
  if (counting) return;
  counting = true;
  await Promise.resolve();
  while (outdated) {
    outdated = false;
    try {
      unread.value = (await api.get("/notifications/unread-count")).unread;
    } catch {
      // The next frame or welcome brings the count.
    }
  }
  counting = false;
}

/** @param {object} frame */
function send(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

/** @param {"subscribe" | "unsubscribe"} type @param {string} topic */
const ask = (type, topic) => topic !== OWN && send({ type, topic });

/** Shows the socket a fresh token before the one that opened it runs out. @param {number} mine */
function keepAuthenticated(mine) {
  later(async () => {
    const token = await renew(tokenLeft() > TOKEN_MARGIN_MS ? null : accessToken()).catch(() => null);
    if (mine !== generation || !token) return;
    send({ type: "authenticate", token });
    keepAuthenticated(mine);
  }, Math.max(5000, tokenLeft() - TOKEN_MARGIN_MS));
}

/** @param {(notification: Notification) => void} listener @returns {() => void} */
export function onNews(listener) {
  newsListeners.add(listener);
  return () => newsListeners.delete(listener);
}

/** What another tab or device has read. @param {(read: {id?: string, up_to?: number}) => void} listener @returns {() => void} */
export function onRead(listener) {
  readListeners.add(listener);
  return () => readListeners.delete(listener);
}

/** After a drop: momentary events may have been missed, so what they keep fresh is read again. @param {() => void} listener @returns {() => void} */
export function onResync(listener) {
  resyncListeners.add(listener);
  return () => resyncListeners.delete(listener);
}

/**
 * Momentary events of a topic; several listeners share one subscription.
 * @param {string} topic @param {(event: any) => void} listener @returns {() => void}
 */
export function onTopic(topic, listener) {
  const listeners = topics.get(topic) ?? new Set();
  listeners.add(listener);
  if (!topics.has(topic)) {
    topics.set(topic, listeners);
    if (topicsLive) ask("subscribe", topic);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size || topics.get(topic) !== listeners) return;
    topics.delete(topic);
    if (topicsLive) ask("unsubscribe", topic);
  };
}

/** Whether topics arrive by themselves, so that nobody needs to poll. */
export const topicsArrive = () => topicsLive;

/** Follows the signed-in person for as long as the page lives. */
export function start() {
  /** @type {string | null} */
  let current = null;
  user.subscribe((person) => {
    const id = person?.id ?? null;
    if (id === current) return;
    current = id;
    follow(id);
  });
  addEventListener("online", () => {
    if (!current || connection.value === "live") return;
    hangUp();
    failures = socketFailures = 0;
    connect();
  });
}
