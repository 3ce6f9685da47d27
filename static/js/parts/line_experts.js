// Who works at a branch now: who is free, who has whom, and calling the next for one of them.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { nextFor, visitOf } from "../queue.js";
import { Icon } from "./icon.js";
import { Presence } from "./status.js";

/** @import { Expert } from "../types.js" */
/** @import { Visit } from "../queue.js" */

/** @param {{experts: Expert[], visits: Visit[], busy?: boolean, mayCall: (expert: Expert) => boolean, onCall: (expert: Expert) => void}} props */
export const LineExperts = ({ experts, visits, busy = false, mayCall, onCall }) => html`
  ${experts.length === 0 && html`<p class="soft">${t("branch.nobody")}</p>`}
  <ul class="line-experts">${experts.map((expert) => {
    const has = visitOf(visits, expert.id);
    const next = nextFor(visits, expert);
    return html`<li key=${expert.id} data-expert=${expert.id}>
      <p class="row wrap between"><strong>${expert.name}</strong><${Presence} presence=${expert.presence} /></p>
      <p class="soft">${has ? t(`desk.has_${has.state}`, { number: has.number, name: has.name }) : t(expert.presence === "online" ? "desk.free" : "desk.away")}</p>
      ${mayCall(expert) && next && html`<button class="button small" type="button" disabled=${busy} onClick=${() => onCall(expert)}><${Icon} name="bell" size=${16} />${t("desk.call_number", { number: next.number })}</button>`}
    </li>`;
  })}</ul>`;
