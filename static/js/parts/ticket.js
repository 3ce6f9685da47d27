// A visit as the visitor carries it: the number, what it means now, and what happens next.
import { now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { isOver } from "../queue.js";
import { zone } from "../store.js";
import { formatTime } from "../time.js";
import { Countdown } from "./countdown.js";
import { Estimate } from "./estimate.js";
import { Icon } from "./icon.js";
import { VisitState } from "./visit_state.js";

/** @import { Visit } from "../queue.js" */

/** @typedef {"accept-offer" | "decline-offer" | "leave"} Answer */

/**
 * @param {{visit: Visit, busy?: boolean, place?: string, onAnswer: (answer: Answer) => void, onEnd?: () => void, children?: any}} props
 *   place: the branch's address; onEnd: an offer ran out
 */
export function Ticket({ visit, busy = false, place = "", onAnswer, onEnd, children }) {
  const { state } = visit;
  return html`<section class=${`ticket ${state}`} data-visit=${visit.id}>
    <p class="ticket-top row wrap between"><a href=${`/branches/${visit.branch.id}`}>${visit.branch.name}</a><${VisitState} state=${state} /></p>
    <p class="ticket-number"><small>${t("visit.number")}</small> <b>${visit.number}</b></p>
    <p class="ticket-says" role="status">${says(visit)}</p>
    ${state === "waiting" && html`<${Waiting} visit=${visit} />`}
    ${state === "offered" && html`<${Offered} visit=${visit} busy=${busy} onAnswer=${onAnswer} onEnd=${onEnd} />`}
    ${state === "called" && html`<p class="ticket-where"><${Icon} name="pin" size=${22} /><span>${visit.branch.name}${place && html`<br /><span class="ticket-place">${place}</span>`}</span></p>`}
    ${children}
  </section>`;
}

/** The one sentence that is read out when it changes. @param {Visit} visit */
function says(visit) {
  const { state, expert, ahead } = visit;
  if (state === "waiting" && visit.not_before && ahead === 0 && Date.parse(visit.not_before) > now()) return t("visit.says_appointment", { time: formatTime(visit.not_before, zone.value) });
  if (state === "waiting") return ahead ? t("visit.says_waiting", { n: ahead }) : t("visit.says_next");
  if (state === "offered") return expert ? t("visit.says_offered", { name: expert.name }) : t("visit.says_offered_anybody");
  if (state === "called") return expert ? t("visit.says_called", { name: expert.name }) : t("visit.says_called_anybody");
  if (state === "serving") return expert ? t("visit.says_serving", { name: expert.name }) : t("visit.says_serving_anybody");
  return t(`visit.says_${state}`);
}

/** @param {{visit: Visit}} props */
const Waiting = ({ visit }) => html`
  ${visit.estimate && html`<p class="ticket-estimate"><span class="hint">${t("visit.your_turn")}</span> <${Estimate} estimate=${visit.estimate} /></p>`}
  ${visit.misses > 0 && html`<p class="notice pending"><span>${t("visit.missed_once")}</span></p>`}`;

/** @param {{visit: Visit, busy: boolean, onAnswer: (answer: Answer) => void, onEnd?: () => void}} props */
const Offered = ({ visit, busy, onAnswer, onEnd }) => html`
  ${visit.offer_expires_at && html`<p class="ticket-clock"><span class="hint">${t("visit.answer_within")}</span> <${Countdown} until=${visit.offer_expires_at} onEnd=${onEnd} /></p>`}
  <div class="ticket-answers">
    <button class="button primary" type="button" disabled=${busy} onClick=${() => onAnswer("accept-offer")}><${Icon} name="check" />${t("visit.accept")}</button>
    <button class="button" type="button" disabled=${busy} onClick=${() => onAnswer("decline-offer")}>${t("visit.decline")}</button>
    <p class="hint">${t(visit.misses ? "visit.decline_last" : "visit.decline_hint")}</p>
  </div>`;

/** What happens next, or what to do now that it is over. @param {{visit: Visit}} props */
export function NextSteps({ visit }) {
  if (isOver(visit) || visit.state === "serving") return null;
  const until = visit.times_out_at && visit.state === "waiting" && formatTime(visit.times_out_at, zone.value);
  return html`<div class="next-steps"><h2>${t("booked.next")}</h2><ol>
    ${visit.state === "waiting" && html`<li>${t("visit.next_changes")}</li><li>${t("visit.next_offer")}</li>${until && html`<li>${t("visit.next_until", { time: until })}</li>`}`}
    ${visit.state === "offered" && html`<li>${t("visit.next_accept")}</li><li>${t("visit.next_pass")}</li>`}
    ${visit.state === "called" && html`<li>${t("visit.next_go")}</li><li>${t("visit.next_late")}</li>`}
  </ol></div>`;
}
