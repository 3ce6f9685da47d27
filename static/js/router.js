// Pages by path. The address bar is the state: filters and the chosen slot live in the query, so a link, a reload
// and the back button all show the same thing.
import { computed, signal } from "@preact/signals-core";

/**
 * @typedef {object} Route
 * @property {string} path with `:id` parts
 * @property {() => Promise<{default: any}>} view
 * @property {string} title key of the page's name
 * @property {"any" | "user" | "desk" | "managers" | "admin"} for who may open it; a desk is an expert, a manager or an
 *   admin, managers are those of a branch and admins
 * @property {boolean} [bare] it fills the screen, with nothing around it
 */

/** @type {Route[]} */
export const routes = [
  { path: "/", view: () => import("./views/experts.js"), title: "experts.title", for: "any" },
  { path: "/experts/:id", view: () => import("./views/expert.js"), title: "expert.title", for: "any" },
  { path: "/branches", view: () => import("./views/branches.js"), title: "branches.title", for: "any" },
  { path: "/branches/:id", view: () => import("./views/branch.js"), title: "branch.title", for: "any" },
  { path: "/branches/:id/edit", view: () => import("./views/branch_edit.js"), title: "branch.edit", for: "managers" },
  { path: "/branches/:id/statistics", view: () => import("./views/branch_statistics.js"), title: "statistics.title", for: "managers" },
  { path: "/branches/:id/day", view: () => import("./views/branch_day.js"), title: "day.title", for: "managers" },
  { path: "/branches/:id/desk", view: () => import("./views/branch_desk.js"), title: "desk.title", for: "desk" },
  { path: "/branches/:id/board", view: () => import("./views/branch_board.js"), title: "board.title", for: "any", bare: true },
  { path: "/visits/:id", view: () => import("./views/visit.js"), title: "visit.title", for: "user" },
  { path: "/q/:id", view: () => import("./views/visit.js"), title: "visit.title", for: "any" },
  { path: "/admin/new-branch", view: () => import("./views/branch_edit.js"), title: "branches.add", for: "admin" },
  { path: "/bookings", view: () => import("./views/bookings.js"), title: "bookings.title", for: "user" },
  { path: "/bookings/:id", view: () => import("./views/booking.js"), title: "booking.title", for: "user" },
  { path: "/b/:token", view: () => import("./views/guest_booking.js"), title: "booking.title", for: "any" },
  { path: "/waiting", view: () => import("./views/waiting.js"), title: "wait.lists", for: "user" },
  { path: "/lookup", view: () => import("./views/lookup.js"), title: "lookup.title", for: "any" },
  { path: "/login", view: () => import("./views/login.js"), title: "login.title", for: "any" },
  { path: "/auth/oidc/callback", view: () => import("./views/oidc.js"), title: "oidc.title", for: "any" },
  { path: "/register", view: () => import("./views/register.js"), title: "register.title", for: "any" },
  { path: "/forgot", view: () => import("./views/password.js"), title: "forgot.title", for: "any" },
  { path: "/reset", view: () => import("./views/password.js"), title: "reset.title", for: "any" },
  { path: "/verify", view: () => import("./views/verify.js"), title: "verify.title", for: "any" },
  { path: "/me", view: () => import("./views/me.js"), title: "me.title", for: "user" },
  { path: "/notifications", view: () => import("./views/notifications.js"), title: "notifications.title", for: "user" },
  { path: "/live", view: () => import("./views/live.js"), title: "live.title", for: "desk" },
  { path: "/agenda", view: () => import("./views/agenda.js"), title: "agenda.title", for: "desk" },
  { path: "/sessions", view: () => import("./views/sessions.js"), title: "session.title", for: "desk" },
  { path: "/schedule", view: () => import("./views/schedule.js"), title: "schedule.title", for: "desk" },
  { path: "/admin/outbox", view: () => import("./views/outbox.js"), title: "outbox.title", for: "admin" },
  { path: "/admin/rules", view: () => import("./views/rules.js"), title: "rules.title", for: "admin" },
  { path: "/admin/rules/:id", view: () => import("./views/rule.js"), title: "rules.one", for: "admin" },
  { path: "/admin/new-rule", view: () => import("./views/rule.js"), title: "rules.add", for: "admin" },
  { path: "/admin/texts", view: () => import("./views/texts.js"), title: "texts.title", for: "admin" },
  { path: "/admin/texts/:kind/:channel/:language", view: () => import("./views/text.js"), title: "texts.one", for: "admin" },
  { path: "/admin/webhooks", view: () => import("./views/webhooks.js"), title: "webhooks.title", for: "admin" },
  { path: "/admin/webhooks/:id", view: () => import("./views/webhook.js"), title: "webhooks.one", for: "admin" },
  { path: "/admin/new-webhook", view: () => import("./views/webhook.js"), title: "webhooks.add", for: "admin" },
  { path: "/admin/suppressions", view: () => import("./views/suppressions.js"), title: "suppressions.title", for: "admin" },
  { path: "/admin/explain", view: () => import("./views/explain.js"), title: "explain.title", for: "admin" },
  { path: "/admin/overview", view: () => import("./views/overview.js"), title: "overview.title", for: "managers" },
  { path: "/admin/bookings", view: () => import("./views/booking_table.js"), title: "booking_table.title", for: "managers" },
  { path: "/admin/weekly", view: () => import("./views/weekly.js"), title: "weekly.title", for: "managers" },
  { path: "/admin/audit", view: () => import("./views/audit.js"), title: "audit.title", for: "admin" },
  { path: "/design", view: () => import("./views/design.js"), title: "design.title", for: "admin" },
  { path: "/admin/settings", view: () => import("./views/settings.js"), title: "settings.title", for: "admin" },
  { path: "/admin/api-keys", view: () => import("./views/api_keys.js"), title: "api_keys.title", for: "admin" },
  { path: "/admin/people", view: () => import("./views/people.js"), title: "people.title", for: "admin" },
];

/** @type {Route} */
const missing = { path: "*", view: () => import("./views/not_found.js"), title: "not_found.title", for: "any" };

/** @param {string} path */
function match(path) {
  const wanted = path.split("/").filter(Boolean);
  for (const route of routes) {
    const parts = route.path.split("/").filter(Boolean);
    if (parts.length !== wanted.length) continue;
    /** @type {Record<string, string>} */
    const params = {};
    const fits = parts.every((part, i) => {
      if (!part.startsWith(":")) return part === wanted[i];
      params[part.slice(1)] = decodeURIComponent(wanted[i]);
      return true;
    });
    if (fits) return { route, params };
  }
  return { route: missing, params: {} };
}

const address = signal(location.pathname + location.search);

/** Rises with each move to another page, but not with a change of the query on the same page. */
export const place = computed(() => {
  const url = new URL(address.value, location.origin);
  return { ...match(url.pathname), path: url.pathname, query: url.searchParams };
});

addEventListener("popstate", () => {
  address.value = location.pathname + location.search;
});

/** @param {string} to a path of this site; what follows a # stays in the address bar @param {{replace?: boolean}} [options] */
export function go(to, options = {}) {
  const url = new URL(to, location.origin);
  if (url.origin !== location.origin) return;
  const next = url.pathname + url.search;
  if (options.replace) history.replaceState(null, "", next + url.hash);
  else if (next !== address.value) history.pushState(null, "", next + url.hash);
  address.value = next;
}

/** Changes parts of the query; empty values disappear. @param {Record<string, string | null | undefined>} change @param {{push?: boolean}} [options] */
export function setQuery(change, options = {}) {
  const url = new URL(address.value, location.origin);
  for (const [name, value] of Object.entries(change)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  go(url.pathname + url.search, { replace: !options.push });
}

/** Where each role starts its day. @param {string} role */
export const home = (role) => (role === "expert" || role === "manager" ? "/live" : role === "admin" ? "/admin/outbox" : "/");

/** Where to go after signing in; only a path of this site is trusted. @param {string | null} next */
export const safeNext = (next) => (next && /^\/(?![/\\])/.test(next) ? next : null);

/** Lets plain links move inside the page without a reload. */
export function followLinks() {
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element | null} */ (event.target)?.closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href);
    if (url.origin !== location.origin || /^\/(static|api|docs)\b/.test(url.pathname)) return;
    event.preventDefault();
    if (url.hash && url.pathname === location.pathname) document.querySelector(url.hash)?.scrollIntoView();
    else go(url.pathname + url.search + url.hash);
  });
}
