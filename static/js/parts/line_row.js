// One visit as the desk of its branch sees it: who, how long already, how long still, and what can be done.
import { now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { formatLength, formatTime } from "../time.js";
import { zone } from "../store.js";
import { Countdown } from "./countdown.js";
import { Estimate } from "./estimate.js";
import { Icon } from "./icon.js";
import { VisitState } from "./visit_state.js";

/** @import { Visit } from "../queue.js" */

/** @typedef {"accept" | "start" | "finish" | "skip" | "recall" | "no-show" | "transfer" | "leave"} Deed */

/** What staff may do in each state, most likely first, and the keys for it. @type {Record<string, Deed[]>} */
export const DEEDS = {
  waiting: ["accept", "skip", "transfer", "leave"],
  offered: ["accept", "no-show", "transfer"],
  called: ["start", "recall", "no-show", "skip", "transfer"],
  serving: ["finish"],
};

/** @type {Record<Deed, [icon: string, key: string]>} */
export const LOOKS = { accept: ["bell", "c"], start: ["right", "s"], finish: ["check", "f"], skip: ["down", "k"], recall: ["retry", "r"], "no-show": ["offline", "x"], transfer: ["move", "t"], leave: ["out", "l"] };

/**
 * @param {{visit: Visit, chosen?: boolean, busy?: boolean, fault?: string | null, showKeys?: boolean,
 *   onChoose: () => void, onDo: (deed: Deed) => void}} props chosen: keys are about this one
 */
export function LineRow({ visit, chosen = false, busy = false, fault = null, showKeys = false, onChoose, onDo }) {
  const { state } = visit;
  const early = state === "waiting" && visit.not_before && Date.parse(visit.not_before) > now();
  return html`<li class=${`card line-row ${state}${chosen ? " chosen" : ""}`} data-visit=${visit.id} aria-current=${chosen ? "true" : undefined} onPointerDown=${onChoose} onFocusIn=${onChoose}>
    <p class="line-number"><span class="sr-only">${t("visit.number")} </span>${visit.number}</p>
    <div class="grow">
      <p class="row wrap"><strong>${visit.name}</strong><${VisitState} state=${state} />
        ${state === "offered" && visit.offer_expires_at && html`<span class="hint">${t("desk.answers_within")} <${Countdown} until=${visit.offer_expires_at} /></span>`}</p>
      <p class="row wrap meta soft">
        <span class="row"><${Icon} name="clock" size=${16} />${waited(visit)}</span>
        ${state === "waiting" && !early && visit.estimate && html`<span>${t("desk.turn")} <${Estimate} estimate=${visit.estimate} /></span>`}
        ${early && html`<span class="row"><${Icon} name="calendar" size=${16} />${t("desk.not_before", { time: formatTime(visit.not_before ?? "", zone.value) })}</span>`}
        ${visit.booking_id && html`<a href=${`/bookings/${visit.booking_id}`}>${t("desk.appointment")}</a>`}
        ${visit.wanted_expert && state === "waiting" && html`<span class="row"><${Icon} name="user" size=${16} />${t("desk.only", { name: visit.wanted_expert.name })}</span>`}
        ${visit.expert && state !== "waiting" && html`<span class="row"><${Icon} name="user" size=${16} />${visit.expert.name}</span>`}
        ${visit.skill && html`<span class="tag">${visit.skill}</span>`}
        ${visit.misses > 0 && html`<span>${t("desk.missed", { n: visit.misses })}</span>`}
      </p>
      ${visit.note && html`<p class="soft clamp">${visit.note}</p>`}
      ${fault && html`<p class="error" role="alert">${fault}</p>`}
      <div class="actions line-actions">${(DEEDS[state] ?? []).map((deed, place) => html`<button key=${deed} type="button" data-deed=${deed} class=${place ? `button small${deed === "leave" || deed === "no-show" ? " quiet-danger" : ""}` : "button small primary"} disabled=${busy} onClick=${() => onDo(deed)}><${Icon} name=${LOOKS[deed][0]} size=${16} />${t(`desk.do_${deed.replace("-", "_")}`)}${showKeys && chosen && html` <kbd aria-hidden="true">${LOOKS[deed][1].toUpperCase()}</kbd>`}</button>`)}</div>
    </div>
  </li>`;
}

/** @param {Visit} visit */
function waited({ state, joined_at: joined, called_at: called, started_at: started }) {
  const since = (/** @type {string | null} */ at) => formatLength(Math.max(0, Math.floor((now() - Date.parse(at ?? joined)) / 60_000)));
  if (state === "serving") return t("desk.served_for", { time: since(started) });
  if (state === "called") return t("desk.called_for", { time: since(called) });
  return t("desk.waited", { time: since(joined) });
}
