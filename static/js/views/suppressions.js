// Addresses to which nothing is sent any more: why, since when, and sending there again.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Dialog } from "../parts/dialog.js";
import { Field } from "../parts/form.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { Ago } from "../parts/time.js";
import { spoken } from "../parts/trace.js";
import { setQuery } from "../router.js";
import { useRun } from "../run.js";
import { say } from "../store.js";

/** @import { Page, Suppression } from "../types.js" */
/** @typedef {Suppression & {id: string}} Row */

const channels = ["email", "telegram", "sms", "fcm", "web_push"];
const causes = ["bounced", "complained", "blocked", "gone", "invalid", "unregistered"];

/** Addresses have no id of their own; the list wants one. @param {Page<Suppression>} page @returns {Page<Row>} */
const named = (page) => ({ ...page, items: page.items.map((one) => ({ ...one, id: `${one.channel} ${one.address}` })) });

/** @param {{query: URLSearchParams}} props */
export default function Suppressions({ query }) {
  const channel = query.get("channel") ?? "";
  const cause = query.get("cause") ?? "";
  const text = query.get("query") ?? "";
  const [asking, setAsking] = useState(/** @type {Row | null} */ (null));
  const [busy, run] = useRun();
  const pages = usePages(async (after, limit) => named(await api.get("/admin/suppressions", { channel, cause, query: text, after, limit })), [channel, cause, text]);
  const lift = async (/** @type {Row} */ one) => {
    const lifted = await run(async () => {
      await api.delete(`/admin/suppressions/${one.channel}/${encodeURIComponent(one.address)}`);
      say(t("suppressions.lifted"), { tone: "good" });
      pages.change((items) => items.filter((other) => other.id !== one.id));
    });
    if (!lifted) pages.refresh();
    setAsking(null);
  };
  const filtered = channel || cause || text;
  return html`
    <header class="page-head"><h1>${t("suppressions.title")}</h1><p class="soft">${t("suppressions.lead")}</p></header>
    <form class="filters" role="search" aria-label=${t("suppressions.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("suppressions.address")} value=${text} />
      <${Field} as="select" label=${t("outbox.channel")} value=${channel} onChange=${(/** @type {any} */ event) => setQuery({ channel: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${channels.map((one) => html`<option key=${one} value=${one}>${t(`channel.${one}`)}</option>`)}
      <//>
      <${Field} as="select" label=${t("suppressions.cause")} value=${cause} onChange=${(/** @type {any} */ event) => setQuery({ cause: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${causes.map((one) => html`<option key=${one} value=${one}>${t(`cause.${one}`)}</option>`)}
      <//>
    </form>
    ${pages.loading && html`<${Skeleton} rows=${5} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="check" title=${t(filtered ? "suppressions.none_fits" : "suppressions.none")} text=${t(filtered ? "bookings.none_text" : "suppressions.none_text")} />`}
    ${pages.items.length > 0 && html`<ul class="table">${pages.items.map((one) => html`<${Line} key=${one.id} row=${one} onLift=${() => setAsking(one)} />`)}</ul><${More} pages=${pages} />`}
    ${asking && html`<${Dialog} title=${t("suppressions.lift_title")} onClose=${() => setAsking(null)}>
      <p class="anywhere"><strong>${asking.address}</strong></p>
      <p>${spoken(t(`reason.${asking.cause}`), asking.cause)}</p>
      <p>${t(asking.cause === "complained" || asking.cause === "blocked" ? "suppressions.lift_ask_wanted" : "suppressions.lift_ask")}</p>
      <div class="actions"><button class="button primary" type="button" disabled=${busy} onClick=${() => lift(asking)}>${t("suppressions.lift")}</button><button class="button" type="button" onClick=${() => setAsking(null)}>${t("action.back")}</button></div>
    <//>`}`;
}

/** @param {{row: Row, onLift: () => void}} props */
const Line = ({ row, onLift }) => html`<li class="table-row">
  <div class="grow">
    <p class="strong">${row.address}</p>
    <p class="soft">${row.user ? `${row.user.name} · ` : ""}${spoken(t(`channel.${row.channel}`), row.channel)} · <${Ago} at=${row.at} /></p>
    ${row.detail && html`<p class="soft hint">${row.detail}</p>`}
  </div>
  <span class=${`badge ${row.cause === "complained" || row.cause === "blocked" ? "missed" : "rejected"}`}>${spoken(t(`cause.${row.cause}`), row.cause)}</span>
  <button class="button small" type="button" aria-label=${t("suppressions.lift_one", { address: row.address })} onClick=${onLift}>${t("suppressions.lift")}</button>
</li>`;
