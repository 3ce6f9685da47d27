// Signing in through the provider that the house names. The tab remembers where the reader wanted to go; whoever signed
// out in this browser is asked by the provider who it is, since the next one at the keys may be somebody else.
import { api } from "./api.js";
import { safeNext } from "./router.js";
import { begin } from "./session.js";

/** @import { OidcProvider, Session } from "./types.js" */

const NEXT = "belfry.next";
const SIGNED_OUT = "belfry.signed_out";

/** Whether there is such a provider, and its name. @returns {Promise<OidcProvider>} */
export const provider = () => api.get("/auth/oidc");

/** The next sign-in is to ask who it is. */
export const askAgain = () => localStorage.setItem(SIGNED_OUT, "1");

/** Leaves for the provider. @param {string | null} next where to go afterwards */
export async function leave(next) {
  const again = localStorage.getItem(SIGNED_OUT) !== null;
  const { url } = await api.post("/auth/oidc/start", { again }, { public: true });
  if (next) sessionStorage.setItem(NEXT, next);
  else sessionStorage.removeItem(NEXT);
  location.assign(url);
}

/** Where the reader wanted to go before leaving. */
export const wanted = () => safeNext(sessionStorage.getItem(NEXT));

/** Begins a session with what the provider gave along. @param {URLSearchParams} given @returns {Promise<Session>} */
export async function comeBack(given) {
  const body = Object.fromEntries(["state", "code", "error", "iss"].flatMap((name) => (given.get(name) ? [[name, given.get(name)]] : [])));
  const session = await api.post("/auth/oidc/callback", body, { public: true });
  localStorage.removeItem(SIGNED_OUT);
  sessionStorage.removeItem(NEXT);
  begin(session);
  return session;
}
