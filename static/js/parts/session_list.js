// The group sessions on an expert's page. The chosen one is in the address, so that signing in on the way comes back to
// its form.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { setQuery } from "../router.js";
import { useSessions } from "../sessions.js";
import { SeatForm } from "./seat_form.js";
import { SessionRow } from "./session_row.js";
import { More } from "./states.js";

/** @import { Expert, GroupSession } from "../types.js" */

/** @param {{expert: Expert, chosen: string | null, self: boolean, next: string}} props */
export function SessionList({ expert, chosen, self, next }) {
  const pages = useSessions(expert.id, 5);
  // Most experts offer none: nothing is said of it, and nothing jumps.
  if (!pages.items.length) return null;
  const session = pages.items.find((/** @type {GroupSession} */ one) => one.id === chosen);
  return html`<section aria-labelledby="sessions">
    <h2 id="sessions">${t("session.title")}</h2>
    <ul class="list">${pages.items.map((/** @type {GroupSession} */ one) => html`<${SessionRow} key=${one.id} session=${one}>
      ${!self && html`<div class="actions"><button class=${one.left ? "button primary small" : "button small"} type="button" onClick=${() => setQuery({ session: one.id })}>${t(one.left ? "session.take" : "session.wait")}</button></div>`}
    <//>`)}</ul>
    <${More} pages=${pages} />
    ${session && !self && html`<${SeatForm} key=${session.id} session=${session} next=${next} onClose=${() => setQuery({ session: null })} onChange=${pages.refresh} />`}
  </section>`;
}
