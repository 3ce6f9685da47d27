// What a rule decided about a person, drawn as the gates a message had to pass, in their order, and what became of it.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";
import { DeliveryStatus } from "./status.js";
import { When } from "./time.js";

/** @import { Check, Decision, Delivery, ExplainedDelivery, Explanation, WayTrace } from "../types.js" */

/**
 * A word of the server's in the reader's language, or as it came where there is none.
 * @param {string} text what was found for it @param {string} word
 */
export const spoken = (text, word) => (text.endsWith(`.${word}`) ? word : text);

/** @param {{check: Check}} props */
function Gate({ check }) {
  const state = check.passed ? "open" : check.until || check.gate === "digest" ? "held" : "shut";
  const icon = { open: "check", held: "clock", shut: "ban" }[state];
  return html`<li class=${`gate ${state}`}>
    <span class="gate-mark"><${Icon} name=${icon} size=${16} /></span>
    <span class="gate-text">
      <span class="strong">${spoken(t(`gate.${check.gate}`), check.gate)}${t("explain.colon")}</span><span class="gate-said">${t(`gate_state.${state}`)}</span>
      ${check.until && html` · <span>${t("explain.until")} <${When} at=${check.until} /></span>`}
      ${!check.passed && check.reason && check.reason !== "held" && html`<span class="gate-reason">${spoken(t(`reason.${check.reason}`), check.reason)}</span>`}
      ${check.passed && check.reason === "came_back" && html`<span class="gate-reason">${t("reason.came_back")}</span>`}
      ${check.passed && check.reason && check.reason !== "came_back" && html`<span class="gate-reason">${t("explain.condition_broken", { fault: check.reason })}</span>`}
    </span>
  </li>`;
}

/** @type {Record<string, string>} */
const tones = { planned: "confirmed", held: "pending", standby: "completed", gathered: "completed", closed: "cancelled" };

/** @param {{way: WayTrace}} props */
const Way = ({ way }) => html`<li class="way">
  <p class="row wrap between"><strong>${way.channel ? spoken(t(`channel.${way.channel}`), way.channel) : spoken(t(`way.${way.way}`), way.way)}</strong><span class=${`badge ${tones[way.outcome]}`}>${t(`outcome.${way.outcome}`)}</span></p>
  <ol class="gates">${way.checks.map((check, i) => html`<${Gate} key=${i} check=${check} />`)}</ol>
</li>`;

/**
 * One rule's decision.
 * @param {{made: Decision, entries?: Explanation["entries"], deliveries?: ExplainedDelivery[], linked?: boolean}} props
 *   linked: whether the rule has a page of its own
 */
export function DecisionCard({ made, entries = [], deliveries = [], linked = false }) {
  const ranks = [...new Set(made.ways.map((way) => way.rank))].sort((a, b) => a - b);
  return html`<article class="card decision">
    <header class="row wrap between">
      <h3>${linked ? html`<a href=${`/admin/rules/${made.rule_id}`}>${made.rule_id}</a>` : made.user.name}</h3>
      <p class="hint">${linked && html`${t("rules.version", { n: made.rule_version })} · `}${t("explain.as", { audience: t(`audience.${made.audience}`) })} · ${t(`category.${made.category}`)} · ${t(`class.${made.class}`)}</p>
    </header>
    <ol class="gates"><${Gate} check=${made.condition} /></ol>
    ${made.condition.passed && html`
      <p class="inbox-line"><${Icon} name=${made.inbox ? "bell" : "ban"} size=${18} /><span>${t(made.inbox ? "explain.inbox" : "explain.no_inbox")}${entries.map((one) => html`<span key=${one.id} class="gate-reason">“${one.title}” · ${one.read_at ? html`${t("explain.read")} <${When} at=${one.read_at} />` : t("explain.not_read")}</span>`)}</span></p>
      ${ranks.map((rank) => html`<section key=${rank} class="rank">
        <h4>${rank === 0 ? t("explain.at_once") : t("explain.fallback", { n: rank })}</h4>
        <ul class="ways">${made.ways.filter((way) => way.rank === rank).map((way, i) => html`<${Way} key=${i} way=${way} />`)}</ul>
      </section>`)}
      ${made.ways.length === 0 && html`<p class="soft">${t("explain.no_ways")}</p>`}`}
    ${deliveries.length > 0 && html`<section class="rank"><h4>${t("explain.messages")}</h4>${deliveries.map((one) => html`<${Sent} key=${one.id} delivery=${one} />`)}</section>`}
  </article>`;
}

/** What became of one message. @param {{delivery: ExplainedDelivery}} props */
export const Sent = ({ delivery }) => html`<div class="sent">
  <p class="row wrap between"><span><strong>${spoken(t(`channel.${delivery.channel}`), delivery.channel)}</strong> <span class="soft">${delivery.address}</span></span><${DeliveryStatus} status=${delivery.status} /></p>
  <p>${delivery.subject || delivery.kind}</p>
  ${delivery.reason && html`<p class="hint">${spoken(t(`reason.${delivery.reason}`), delivery.reason)}</p>`}
  ${delivery.next_at && html`<p class="hint">${t(delivery.attempt ? "outbox.next_try" : "explain.leaves")} <${When} at=${delivery.next_at} /></p>`}
  <${Attempts} delivery=${delivery} />
  ${delivery.gates.length > 0 && html`<p class="hint">${t("explain.at_sending")}</p>
    <ol class="gates">${delivery.gates.map((gate, i) => html`<${Gate} key=${i} check=${{ ...gate, until: gate.until ?? undefined }} />`)}</ol>`}
  <p><a href=${`/admin/outbox?open=${delivery.id}`}>${t("explain.open_message")}</a></p>
</div>`;

/** Each try, oldest first. @param {{delivery: Delivery}} props */
export const Attempts = ({ delivery }) =>
  delivery.attempts?.length
    ? html`<ol class="attempts">${delivery.attempts.map((attempt) => html`<li key=${attempt.number}>
        <strong>${attempt.number}.</strong> <${When} at=${attempt.started_at} />${attempt.provider && html` · ${attempt.provider}`} · ${spoken(t(`attempt.${attempt.outcome ?? "under_way"}`), attempt.outcome ?? "under_way")}${attempt.provider_id && html` · <span class="soft">${attempt.provider_id}</span>`}
        ${attempt.error && html`<p class="error">${attempt.error}</p>`}
      </li>`)}</ol>`
    : html`<p class="soft hint">${t("outbox.no_attempts")}</p>`;
