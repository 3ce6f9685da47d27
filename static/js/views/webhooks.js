// Servers of others that hear of events: where each leads, what it wants, and how it does.
import { api } from "../api.js";
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { Ago } from "../parts/time.js";

/** @import { Page, Webhook } from "../types.js" */

/** "All about bookings, Account opened" @param {string[]} patterns */
export const wishWords = (patterns) => patterns.map(patternWords).join(", ");

/** @param {string} pattern */
export function patternWords(pattern) {
  if (pattern === "*") return t("webhooks.everything");
  if (pattern.endsWith(".*")) return t("webhooks.all_about", { what: t(`webhook_group.${pattern.slice(0, -2)}`) });
  return eventWords(pattern);
}

/** How an endpoint does, as a word and its colour. @param {Webhook} one @returns {{word: string, tone: string}} */
function stateOf(one) {
  if (one.disabled_cause) return { word: t(`webhook_state.${one.disabled_cause}`), tone: "rejected" };
  if (!one.enabled) return { word: t("webhook_state.off"), tone: "cancelled" };
  if (one.failing_since) return { word: t("webhook_state.struggling"), tone: "pending" };
  return { word: t("webhook_state.on"), tone: "confirmed" };
}

/** @param {{webhook: Webhook}} props */
export function WebhookState({ webhook }) {
  const { word, tone } = stateOf(webhook);
  return html`<span class=${`badge ${tone}`}>${word}</span>`;
}

export default function Webhooks() {
  const pages = usePages((after, limit) => /** @type {Promise<Page<Webhook>>} */ (api.get("/admin/webhooks", { after, limit })), []);
  return html`
    <header class="page-head row wrap between"><div class="grow"><h1>${t("webhooks.title")}</h1><p class="soft">${t("webhooks.lead")}</p></div>
      <a class="button" href="/admin/new-webhook"><${Icon} name="plus" size=${18} />${t("webhooks.add")}</a></header>
    ${pages.loading && html`<${Skeleton} rows=${3} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="plug" title=${t("webhooks.none")} text=${t("webhooks.none_text")}><a class="button primary" href="/admin/new-webhook">${t("webhooks.add")}</a><//>`}
    ${pages.items.length > 0 && html`<ul class="table">${pages.items.map((one) => html`<${Row} key=${one.id} webhook=${one} />`)}</ul><${More} pages=${pages} />`}`;
}

/** @param {{webhook: Webhook}} props */
const Row = ({ webhook }) => html`<li class=${webhook.enabled ? "table-row" : "table-row off"}>
  <div class="grow">
    <a class="row-title" href=${`/admin/webhooks/${webhook.id}`}>${webhook.description || webhook.url}</a>
    ${webhook.description && html`<p class="soft">${webhook.url}</p>`}
    <p class="soft">${wishWords(webhook.events)}</p>
    ${webhook.failing_since && html`<p class="error">${t("webhooks.failing_since")} <${Ago} at=${webhook.failing_since} /></p>`}
  </div>
  <${WebhookState} webhook=${webhook} />
</li>`;
