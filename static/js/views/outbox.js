// Every message that went out or should have: what was sent to whom, each attempt, and another try for what is stuck.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Dialog } from "../parts/dialog.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { OpenedMessage } from "../parts/opened_message.js";
import { Providers } from "../parts/providers.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failed, More, Skeleton, explain } from "../parts/states.js";
import { DeliveryStatus } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { go, setQuery } from "../router.js";
import { say } from "../store.js";

/** @import { Delivery, Page } from "../types.js" */

const statuses = ["standby", "pending", "sending", "sent", "retrying", "dead", "ambiguous", "skipped", "kept"];
const channels = ["email", "telegram", "sms", "fcm", "web_push", "webhook"];

/** @param {{query: URLSearchParams}} props */
export default function Outbox({ query }) {
  const status = query.get("status") ?? "";
  const channel = query.get("channel") ?? "";
  const text = query.get("query") ?? "";
  const open = query.get("open");
  const pages = usePages((after, limit) => /** @type {Promise<Page<Delivery>>} */ (api.get("/admin/deliveries", { status, channel, query: text, after, limit })), [status, channel, text]);
  return html`
    <header class="page-head"><h1>${t("outbox.title")}</h1><p class="soft">${t("outbox.lead")}</p></header>
    <${Providers} />
    <form class="filters" role="search" aria-label=${t("outbox.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("outbox.text")} value=${text} />
      <${Field} as="select" label=${t("bookings.status")} value=${status} onChange=${(/** @type {any} */ event) => setQuery({ status: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${statuses.map((one) => html`<option key=${one} value=${one}>${t(`delivery.${one}`)}</option>`)}
      <//>
      <${Field} as="select" label=${t("outbox.channel")} value=${channel} onChange=${(/** @type {any} */ event) => setQuery({ channel: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${channels.map((one) => html`<option key=${one} value=${one}>${t(`channel.${one}`)}</option>`)}
      <//>
    </form>
    ${pages.loading && html`<${Skeleton} rows=${6} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="mail" title=${t("outbox.none")} text=${t("outbox.none_text")} />`}
    ${(status === "dead" || status === "ambiguous") && pages.items.length > 0 && html`<${RetryAll} wanted=${{ status, channel, query: text }} onDone=${pages.refresh} />`}
    ${pages.items.length > 0 && html`<ul class="table">
      ${pages.items.map((one) => html`<${Row} key=${one.id} delivery=${one} />`)}
    </ul><${More} pages=${pages} />`}
    ${open && html`<${OpenedMessage} key=${open} id=${open} onClose=${() => setQuery({ open: null })} onChange=${pages.refresh} />`}`;
}

/** @param {{delivery: Delivery}} props */
const Row = ({ delivery }) => html`<li class="table-row">
  <div class="grow">
    <button class="row-title" type="button" onClick=${() => setQuery({ open: delivery.id }, { push: true })}>${delivery.subject ?? delivery.kind}</button>
    <p class="soft">${delivery.user ? `${delivery.user.name} · ` : ""}${delivery.address}</p>
    ${delivery.last_error && html`<p class="error">${delivery.last_error}</p>`}
  </div>
  <p class="soft hint"><${Ago} at=${delivery.created_at} /></p>
  <${DeliveryStatus} status=${delivery.status} />
</li>`;

/**
 * Everything that was given up and fits the filters, once more.
 * @param {{wanted: {status: string, channel: string, query: string}, onDone: () => void}} props
 */
function RetryAll({ wanted, onDone }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const retry = async () => {
    setBusy(true);
    try {
      const filled = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
      const { count, suppressed } = await api.post("/admin/deliveries/retry", filled);
      say(t("outbox.all_retried", { n: count }), { tone: "good" });
      // Those would fail in silence: why, and what can be done, stands with their addresses.
      if (suppressed) say(t("outbox.all_left", { n: suppressed }), { tone: "bad", ms: 20_000, action: { label: t("suppressions.title"), run: () => go("/admin/suppressions") } });
      setAsking(false);
      onDone();
    } catch (error) {
      say(explain(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return html`<div class="actions retry-all"><button class="button" type="button" onClick=${() => setAsking(true)}><${Icon} name="retry" size=${18} />${t("outbox.retry_all")}</button></div>
    ${asking && html`<${Dialog} title=${t("outbox.retry_all")} onClose=${() => setAsking(false)}>
      <p>${t(wanted.status === "ambiguous" ? "outbox.retry_all_twice" : "outbox.retry_all_ask")}</p>
      <div class="actions"><button class="button primary" type="button" disabled=${busy} onClick=${retry}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(false)}>${t("action.back")}</button></div>
    <//>`}`;
}
