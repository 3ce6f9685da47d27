// Pushes to this device: what this browser can do, and the subscription that the server knows as a device.
import { api } from "./api.js";
import { locale } from "./i18n.js";

/** @import { Device } from "./types.js" */

/**
 * "unsupported": this browser cannot; "denied": its settings forbid it; "unavailable": this server sends none.
 * @typedef {"unsupported" | "unavailable" | "denied" | "off" | "on"} PushState
 */

const WORKER = "/static/sw.js";

/** Plain http on a LAN has none of this, and neither has an iPhone before the page is on its home screen. */
const supported = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

const registration = () => navigator.serviceWorker.getRegistration("/");

const subscription = async () => (await (await registration())?.pushManager.getSubscription()) ?? null;

/** @returns {Promise<Device[]>} */
const devices = async () => (await api.get("/me/devices")).items;

/** What the switch shows. A subscription that somebody else made in this browser is not theirs who look now. */
export async function pushState() {
  if (!supported()) return /** @type {PushState} */ ("unsupported");
  const { public_key } = await api.get("/push/key");
  if (!public_key) return /** @type {PushState} */ ("unavailable");
  if (Notification.permission === "denied") return /** @type {PushState} */ ("denied");
  const here = await subscription();
  if (!here || key(here) !== public_key) return /** @type {PushState} */ ("off");
  const mine = (await devices()).some((device) => device.address === here.endpoint);
  // Said again, so that the server knows when this device was last seen, and in which language.
  if (mine) await register(here);
  return /** @type {PushState} */ (mine ? "on" : "off");
}

const SEEN = "belfry.push_seen";

/** Once a day tells the server that this device is still there; one that is not seen for long is forgotten. */
export async function staySeen() {
  const today = new Date().toISOString().slice(0, 10);
  if (!supported() || localStorage.getItem(SEEN) === today || !(await subscription())) return;
  if ((await pushState()) === "on") localStorage.setItem(SEEN, today);
}

/** Asks the person, subscribes, and tells the server. @returns {Promise<PushState>} */
export async function turnOn() {
  if ((await Notification.requestPermission()) === "denied") return "denied";
  if (Notification.permission !== "granted") return "off";
  const { public_key } = await api.get("/push/key");
  const worker = await navigator.serviceWorker.register(WORKER, { scope: "/" });
  await navigator.serviceWorker.ready;
  const old = await worker.pushManager.getSubscription();
  // One made for another key of the server can receive nothing from this one.
  if (old && key(old) !== public_key) await old.unsubscribe();
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: public_key });
  await register(made);
  return "on";
}

/** Ends the subscription here and at the server. @returns {Promise<PushState>} */
export async function turnOff() {
  const here = await subscription();
  if (!here) return "off";
  try {
    const device = (await devices()).find(({ address }) => address === here.endpoint);
    if (device) await api.delete(`/me/devices/${device.id}`);
  } finally {
    // Even if the server cannot be told: the push service tells it at the next push.
    await here.unsubscribe();
  }
  return "off";
}

/** The server's key that a subscription was made for. @param {PushSubscription} made */
function key(made) {
  const bytes = new Uint8Array(made.options.applicationServerKey ?? new ArrayBuffer(0));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @param {PushSubscription} made */
const register = (made) =>
  api.post("/me/devices", {
    kind: "web_push",
    address: made.endpoint,
    keys: made.toJSON().keys,
    label: browserName(),
    locale: locale.value,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  });

/** What a person would call this browser. */
function browserName() {
  const agent = navigator.userAgent;
  const names = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const systems = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
  const first = (/** @type {string[][]} */ known) => known.find(([mark]) => agent.includes(mark))?.[1];
  return [first(names) ?? "Browser", first(systems)].filter(Boolean).join(", ");
}
