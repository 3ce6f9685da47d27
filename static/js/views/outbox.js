// Every message that went out or should have: what was sent to whom, each attempt, and another try for what is stuck.
import { useMemo, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { locale, t } from "../i18n.js";
import { usePages } from "../load.js";
import { ColumnChoice, chosenColumns } from "../parts/column_choice.js";
import { Dialog } from "../parts/dialog.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { LongTable } from "../parts/long_table.js";
import { OpenedMessage } from "../parts/opened_message.js";
import { Providers } from "../parts/providers.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failed, Skeleton, explain } from "../parts/states.js";
import { DeliveryStatus } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { spoken } from "../parts/trace.js";
import { go, setQuery } from "../router.js";
import { useRun } from "../run.js";
import { say } from "../store.js";

/** @import { Delivery, Page } from "../types.js" */

const statuses = ["standby", "pending", "sending", "sent", "retrying", "dead", "ambiguous", "skipped", "kept"];
const PAGE = 50;
const ALL = ["subject", "status", "person", "address", "channel", "kind", "tries", "error", "made"];
const USUAL = ["subject", "status", "person", "channel", "error", "made"];
const channels = ["email", "telegram", "sms", "fcm", "web_push", "webhook"];

/** @param {{query: URLSearchParams}} props */
export default function Outbox({ query }) {
  const status = query.get("status") ?? "";
  const channel = query.get("channel") ?? "";
  const text = query.get("query") ?? "";
  const open = query.get("open");
  const oldest = query.get("sort") === "created_at";
  const wanted = { status, channel, query: text, sort: oldest ? "created_at" : "" };
  const pages = usePages((after, limit) => /** @type {Promise<Page<Delivery>>} */ (api.get("/admin/deliveries", { ...wanted, after, limit })), [JSON.stringify(wanted)], PAGE);
  const shown = chosenColumns("outbox", query, ALL, USUAL);
  const columns = useMemo(() => columnsOf(oldest).filter(({ key }) => shown.includes(key)), [oldest, shown.join(), locale.value]);
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
    ${pages.items.length > 0 && html`
      <${ColumnChoice} table="outbox" all=${ALL} shown=${shown} words=${columnWords} />
      <${LongTable} key=${JSON.stringify(wanted)} label=${t("outbox.title")} columns=${columns} rows=${pages.items} more=${Boolean(pages.next)} busy=${pages.more || Boolean(pages.error)} onMore=${pages.showMore} />
      ${pages.error && html`<p class="error" role="alert">${explain(pages.error)} <button class="link-button" type="button" onClick=${pages.showMore}>${t("state.retry")}</button></p>`}`}
    ${open && html`<${OpenedMessage} key=${open} id=${open} onClose=${() => setQuery({ open: null })} onChange=${pages.refresh} />`}`;
}

/** @param {string} name */
const columnWords = (name) => ({ status: t("bookings.status"), channel: t("outbox.channel"), kind: t("outbox.kind") })[name] ?? t(`outbox.column_${name}`);

/** @param {boolean} oldest @returns {import("../parts/long_table.js").Column<Delivery>[]} */
function columnsOf(oldest) {
  const plain = (/** @type {string} */ key, /** @type {(row: Delivery) => any} */ cell) => ({ key, label: columnWords(key), cell });
  return [
    plain("subject", (row) => html`<button class="row-title" type="button" onClick=${() => setQuery({ open: row.id }, { push: true })}>${row.subject ?? row.kind}</button>`),
    plain("status", (row) => html`<${DeliveryStatus} status=${row.status} />`),
    plain("person", (row) => row.user?.name ?? ""),
    plain("address", (row) => row.address),
    plain("channel", (row) => spoken(t(`channel.${row.channel}`), row.channel)),
    plain("kind", (row) => row.kind),
    plain("tries", (row) => row.attempt),
    plain("error", (row) => row.last_error && html`<span class="error">${row.last_error}</span>`),
    {
      ...plain("made", (row) => html`<${Ago} at=${row.created_at} />`),
      sorted: oldest ? "ascending" : "descending",
      sortWords: t(oldest ? "outbox.sort_newest" : "outbox.sort_oldest"),
      onSort: () => setQuery({ sort: oldest ? null : "created_at" }),
    },
  ];
}

/**
 * Everything that was given up and fits the filters, once more.
 * @param {{wanted: {status: string, channel: string, query: string}, onDone: () => void}} props
 */
function RetryAll({ wanted, onDone }) {
  const [asking, setAsking] = useState(false);
  const [busy, run] = useRun();
  const retry = () =>
    run(async () => {
      const filled = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
      const { count, suppressed } = await api.post("/admin/deliveries/retry", filled);
      say(t("outbox.all_retried", { n: count }), { tone: "good" });
      // Those would fail in silence: why, and what can be done, stands with their addresses.
      if (suppressed) say(t("outbox.all_left", { n: suppressed }), { tone: "bad", ms: 20_000, action: { label: t("suppressions.title"), run: () => go("/admin/suppressions") } });
      setAsking(false);
      onDone();
    });
  return html`<div class="actions retry-all"><button class="button" type="button" onClick=${() => setAsking(true)}><${Icon} name="retry" size=${18} />${t("outbox.retry_all")}</button></div>
    ${asking && html`<${Dialog} title=${t("outbox.retry_all")} onClose=${() => setAsking(false)}>
      <p>${t(wanted.status === "ambiguous" ? "outbox.retry_all_twice" : "outbox.retry_all_ask")}</p>
      <div class="actions"><button class="button primary" type="button" disabled=${busy} onClick=${retry}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(false)}>${t("action.back")}</button></div>
    <//>`}`;
}
