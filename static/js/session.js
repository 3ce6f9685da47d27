// Who is signed in. The access token lives in memory only; the refresh token is shared by all tabs in localStorage.
// Spending a refresh token twice revokes its whole family, so tabs take turns through a lock, and the tab that got a
// new session hands its access token to the others instead of letting each spend one more.
import { signal } from "@preact/signals-core";
import { locale } from "./i18n.js";

/** @import { Session, User } from "./types.js" */

const KEY = "belfry.refresh";
const LOCK = "belfry-refresh";

/** @type {import("@preact/signals-core").Signal<User | null>} */
export const user = signal(null);

/** "starting" until the stored session has been tried once, "unreachable" when the server did not answer. */
export const phase = signal(/** @type {"starting" | "ready" | "unreachable"} */ ("starting"));

/** @type {string | null} */
let token = null;
let runsOutAt = 0;
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("belfry-session") : null;

export const accessToken = () => token;

/** Milliseconds until the access token runs out. */
export const tokenLeft = () => runsOutAt - Date.now();

/** @param {Session} session */
function adopt(session) {
  token = session.access_token;
  runsOutAt = Date.now() + session.expires_in * 1000;
  user.value = session.user;
  phase.value = "ready";
}

function forget() {
  token = null;
  runsOutAt = 0;
  user.value = null;
  phase.value = "ready";
}

/** Signs this browser in, in every tab. @param {Session} session */
export function begin(session) {
  localStorage.setItem(KEY, session.refresh_token);
  adopt(session);
  tabs?.postMessage(session);
}

/** Forgets the session in every tab; the caller has told the server. */
export function end() {
  localStorage.removeItem(KEY);
  forget();
  tabs?.postMessage(null);
}

export const refreshToken = () => localStorage.getItem(KEY);

/** Where there is no lock (plain http on a LAN) the turns are taken within this tab only. */
let turn = /** @type {Promise<any>} */ (Promise.resolve());

/** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
function alone(work) {
  if (navigator.locks) return navigator.locks.request(LOCK, work);
  turn = turn.then(work, work);
  return turn;
}

/**
 * A new access token, or null when the session is over.
 * @param {string | null} spent the token that was refused; when another tab has brought a newer one, that one is used
 * @returns {Promise<string | null>}
 */
export function renew(spent) {
  return alone(async () => {
    if (token && token !== spent) return token;
    const refresh = refreshToken();
    if (!refresh) {
      forget();
      return null;
    }
    const response = await fetch("/api/v1/auth/refresh", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json", "accept-language": locale.value },
      body: JSON.stringify({ refresh_token: refresh }),
    });
    if (response.ok) {
      begin(await response.json());
      return token;
    }
    // Only a plain refusal ends the session; an overloaded or restarting server does not sign anybody out.
    if (response.status === 401 || response.status === 403) {
      if (refreshToken() === refresh) end();
      return null;
    }
    throw new TypeError(`refresh answered ${response.status}`);
  });
}

/** Tries the stored session once, at the start of the page. */
export async function resume() {
  if (!refreshToken()) return forget();
  try {
    await renew(token);
    phase.value = "ready";
  } catch {
    phase.value = "unreachable";
  }
}

tabs?.addEventListener("message", ({ data }) => (data ? adopt(data) : forget()));
