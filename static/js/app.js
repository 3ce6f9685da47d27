// The page: shell around, one view inside.
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { t } from "./i18n.js";
import { go, place } from "./router.js";
import { phase, resume, user } from "./session.js";
import { house, unread } from "./store.js";
import { Empty, Failed, Skeleton } from "./parts/states.js";
import { Shell } from "./parts/shell.js";
import { Toasts } from "./parts/toasts.js";

/** @import { Route } from "./router.js" */

/** @param {Route} route */
function allowed(route) {
  const role = user.value?.role;
  if (route.for === "any") return true;
  if (route.for === "user") return Boolean(role);
  if (route.for === "desk") return role === "expert" || role === "manager" || role === "admin";
  if (route.for === "managers") return role === "manager" || role === "admin";
  return role === "admin";
}

export function App() {
  if (place.value.route.bare) return html`<main id="main" class="bare" tabindex="-1"><${View} /></main><${Toasts} />`;
  return html`<${Shell}><${View} /><//><${Toasts} />`;
}

/** Views that were read before: whoever comes back to one sees it at once. @type {Map<Route, any>} */
const views = new Map();

/** Reads the view of a route. @param {Route} route */
export async function readView(route) {
  views.set(route, (await route.view()).default);
}

function View() {
  const { route, params, path, query } = place.value;
  const [error, setError] = useState(/** @type {any} */ (null));
  const [, showAgain] = useReducer((/** @type {number} */ times) => times + 1, 0);
  const first = useRef(true);
  const needsSignIn = route.for !== "any" && !user.value && phase.value === "ready";
  const Page = views.get(route);

  useLayoutEffect(() => {
    setError(null);
    if (views.has(route)) return;
    let current = true;
    readView(route).then(
      () => current && showAgain(undefined),
      (reason) => current && setError(reason),
    );
    return () => void (current = false);
  }, [route]);

  useEffect(() => {
    if (needsSignIn) go(`/login?next=${encodeURIComponent(path + location.search)}`, { replace: true });
  }, [needsSignIn, path]);

  const count = unread.value;
  useEffect(() => {
    document.title = `${count ? `(${count}) ` : ""}${t(route.title)} · ${house.value.name}`;
  });

  // A new page starts at its top, and the focus goes there for those who listen to it.
  useEffect(() => {
    if (!Page) return;
    if (!first.current) {
      scrollTo(0, 0);
      document.getElementById("main")?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [path, Page]);

  if (phase.value === "unreachable") return html`<${Failed} page error=${{ offline: true }} retry=${resume} />`;
  if (error) return html`<${Failed} page error=${error} retry=${() => location.reload()} />`;
  if (!Page || needsSignIn) return html`<${Skeleton} kind="page" />`;
  if (!allowed(route)) {
    return html`<${Empty} page icon="ban" title=${t("denied.title")} text=${t("denied.text")}><a class="button" href="/">${t("not_found.home")}</a><//>`;
  }
  return html`<${Page} key=${path} params=${params} query=${query} path=${path} />`;
}
