// State that several views share: the bell, the connection, this device's choices, short messages.
import { computed, signal } from "@preact/signals-core";
import { user } from "./session.js";
import { deviceZone } from "./time.js";

/** Unread notifications, as the server counts them. */
export const unread = signal(0);

/** The house as everybody may know it, until it was read as one that set nothing. */
export const house = signal(/** @type {import("./types.js").House} */ ({ name: "Belfry", contact: null, registration: true, guest_bookings: true }));

/** How news arrives now; "off" for a visitor without an account. */
export const connection = signal(/** @type {"off" | "connecting" | "live" | "reconnecting" | "polling"} */ ("off"));

/** Whether the device has a network at all. */
export const online = signal(navigator.onLine);
addEventListener("online", () => (online.value = true));
addEventListener("offline", () => (online.value = false));

const chosenZone = signal(sessionStorage.getItem("belfry.zone"));

/** The zone times are shown in: chosen for this visit, else the profile's, else the device's. */
export const zone = computed(() => chosenZone.value ?? user.value?.time_zone ?? deviceZone());

/** @param {string | null} name null goes back to the profile's zone */
export function chooseZone(name) {
  if (name) sessionStorage.setItem("belfry.zone", name);
  else sessionStorage.removeItem("belfry.zone");
  chosenZone.value = name;
}

export const theme = signal(/** @type {"system" | "light" | "dark"} */ (document.documentElement.dataset.theme ?? "system"));

/** @param {"system" | "light" | "dark"} name */
export function chooseTheme(name) {
  theme.value = name;
  if (name === "system") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem("belfry.theme");
  } else {
    document.documentElement.dataset.theme = name;
    localStorage.setItem("belfry.theme", name);
  }
}

/** @typedef {{id: number, text: string, tone: "plain" | "good" | "bad", action?: {label: string, run: () => void}}} Toast */

/** @type {import("@preact/signals-core").Signal<Toast[]>} */
export const toasts = signal([]);
let lastToast = 0;

/**
 * Says something briefly at the edge of the page.
 * @param {string} text
 * @param {{tone?: Toast["tone"], action?: Toast["action"], ms?: number}} [options] ms: how long it stays, 0 until dismissed
 * @returns {() => void} takes it away
 */
export function say(text, options = {}) {
  const id = ++lastToast;
  const dismiss = () => {
    toasts.value = toasts.value.filter((toast) => toast.id !== id);
  };
  toasts.value = [...toasts.value.slice(-2), { id, text, tone: options.tone ?? "plain", action: options.action }];
  const ms = options.ms ?? 6000;
  if (ms) setTimeout(dismiss, ms);
  return dismiss;
}
