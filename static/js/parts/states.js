// The three faces of a page besides the full one: loading, empty, failed.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

/** Grey bars in the shape of what is coming. @param {{rows?: number, kind?: "cards" | "rows" | "page"}} props */
export const Skeleton = ({ rows = 4, kind = "rows" }) => html`
  <div class=${`skeleton ${kind}`} role="status" aria-busy="true">
    <span class="sr-only">${t("state.loading")}</span>
    ${Array.from({ length: rows }, (_, i) => html`<div class="bone" key=${i}><i></i><i></i><i></i></div>`)}
  </div>`;

/** @param {{icon?: string, title: string, text?: string, page?: boolean, children?: any}} props page: it is all the page shows, so its title is the page's heading */
export const Empty = ({ icon = "inbox", title, text, page, children }) => html`
  <div class="state">
    <span class="state-icon"><${Icon} name=${icon} size=${28} /></span>
    <${page ? "h1" : "p"} class="state-title">${title}<//>
    ${text && html`<p class="soft">${text}</p>`}
    ${children && html`<div class="actions center">${children}</div>`}
  </div>`;

/** What a person is told when a call fails. @param {any} error */
export function explain(error) {
  if (error?.offline) return t("state.unreachable");
  // What goes wrong elsewhere can be told; what goes wrong here is for the log.
  const own = !["oidc-refused", "oidc-unreachable"].includes(error?.slug);
  if (error?.status >= 500 && own) return error.requestId ? t("state.server_id", { id: error.requestId }) : t("state.server");
  if (error?.status) return error.message;
  return t("state.unexpected");
}

/** @param {{error: any, retry?: () => void, page?: boolean}} props page: as for Empty */
export const Failed = ({ error, retry, page }) => html`
  <div class="state" role="alert">
    <span class="state-icon bad"><${Icon} name=${error?.offline ? "offline" : "cross"} size=${28} /></span>
    <${page ? "h1" : "p"} class="state-title">${error?.status === 404 ? t("state.gone") : t("state.failed")}<//>
    <p class="soft">${explain(error)}</p>
    ${retry && html`<div class="actions center"><button class="button" type="button" onClick=${retry}><${Icon} name="retry" />${t("state.retry")}</button></div>`}
  </div>`;

/** The button under a list that has more. @param {{pages: {next: string | null, more: boolean, error: any, showMore: () => void}}} props */
export const More = ({ pages }) =>
  (pages.next || pages.error) &&
  html`<div class="more">
    ${pages.error && html`<p class="error" role="alert">${explain(pages.error)}</p>`}
    <button class="button" type="button" disabled=${pages.more} onClick=${pages.showMore}>${pages.more ? t("state.loading") : t("state.more")}</button>
  </div>`;
