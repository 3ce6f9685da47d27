// A group session as a line of a list: when, what, where, and how many seats are left.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { formatLength } from "../time.js";
import { Mode } from "./booking_row.js";
import { When } from "./time.js";

/** @import { GroupSession } from "../types.js" */

/** @param {{session: GroupSession, children?: any}} props */
export const SessionRow = ({ session, children }) => html`
  <li class="card booking-row" data-session=${session.id}>
    <div class="grow">
      <p class="strong">${session.title}</p>
      <p><${When} at=${session.starts_at} until=${session.ends_at} other=${session.time_zone} /></p>
      <p class="row wrap meta soft"><${Mode} mode=${session.mode} /><span>${formatLength(session.minutes)}</span>${session.place && html`<span>${session.place}</span>`}</p>
      ${session.description && html`<p class="soft prose">${session.description}</p>`}
      ${children}
    </div>
    <span class=${session.left ? "badge confirmed" : "badge cancelled"} aria-live="polite">${session.left ? t("session.left", { n: session.left, of: session.seats }) : t("session.full")}</span>
  </li>`;
