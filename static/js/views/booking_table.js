// Every booking of the house, or of a manager's branch: several filters at once, columns by choice, a file for
// spreadsheets. The address holds all of it.
import { useEffect } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad, usePages } from "../load.js";
import { BranchField } from "../parts/branch_field.js";
import { ColumnChoice, chosenColumns } from "../parts/column_choice.js";
import { Download } from "../parts/download.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { LongTable } from "../parts/long_table.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failed, Skeleton, explain } from "../parts/states.js";
import { STATUSES, Status } from "../parts/status.js";
import { When } from "../parts/time.js";
import { setQuery } from "../router.js";
import { user } from "../session.js";
import { onNews, onResync } from "../socket.js";
import { zone } from "../store.js";
import { addDays, instantOf } from "../time.js";

/** @import { Booking, Expert, Page } from "../types.js" */

const PAGE = 100;
const ALL = ["code", "status", "starts", "expert", "client", "mode", "note", "reason", "made"];
const USUAL = ["code", "status", "starts", "expert", "client", "mode", "note"];

/** @param {{query: URLSearchParams}} props */
export default function BookingTable({ query }) {
  const one = (/** @type {string} */ name) => query.get(name) ?? "";
  const [text, status, expert, client, branch, from, until] = ["query", "status", "expert_id", "client_id", "branch_id", "from", "until"].map(one);
  const earliest = one("sort") === "starts_at";
  const shown = chosenColumns("bookings", query, ALL, USUAL);
  const midnight = (/** @type {string} */ date) => (date ? instantOf(`${date}T00:00`, zone.value) : "");
  const wanted = { query: text, status, expert_id: expert, client_id: client, branch_id: branch, from: midnight(from), to: until && midnight(addDays(until, 1)), sort: earliest ? "starts_at" : "-starts_at" };
  const pages = usePages((after, limit) => /** @type {Promise<Page<Booking>>} */ (api.get("/bookings", { ...wanted, after, limit })), [JSON.stringify(wanted)], PAGE);
  const experts = useLoad(async () => /** @type {Expert[]} */ ((await api.get("/experts", { limit: 100, branch_id: user.value?.role === "manager" ? user.value.branch_id : branch })).items), [branch]);
  useEffect(() => {
    // Whoever has scrolled far keeps what is there; a fresh start would throw them back.
    const refresh = () => pages.items.length <= PAGE && pages.refresh();
    const stops = [onNews((news) => void (news.data?.booking_id && refresh())), onResync(refresh)];
    return () => stops.forEach((stop) => stop());
  }, [pages.refresh, pages.items.length]);
  const chosen = status.split(",").filter(Boolean);
  const toggle = (/** @type {string} */ name) => setQuery({ status: STATUSES.filter((known) => (known === name ? !chosen.includes(known) : chosen.includes(known))).join(",") });
  const filter = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value });
  const clear = () => setQuery({ query: null, status: null, expert_id: null, client_id: null, branch_id: null, from: null, until: null });
  const columns = columnsOf({ earliest }).filter(({ key }) => shown.includes(key));
  const filtered = [text, status, expert, client, branch, from, until].some(Boolean);
  return html`
    <header class="page-head row wrap between"><div class="grow"><h1>${t("booking_table.title")}</h1><p class="soft">${t("booking_table.lead")}</p></div>
      <${Download} path="/bookings.csv" query=${wanted} name="bookings.csv" label=${t("weekly.file")} /></header>
    <form class="filters" role="search" aria-label=${t("bookings.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("bookings.text")} value=${text} />
      <${Field} as="select" label=${t("overview.expert")} value=${expert} onChange=${filter("expert_id")}>
        <option value="">${t("bookings.any_status")}</option>${(experts.data ?? []).map(({ id, name }) => html`<option key=${id} value=${id} selected=${id === expert}>${name}</option>`)}
      <//>
      ${user.value?.role === "admin" && html`<${BranchField} value=${branch} />`}
      <${Field} label=${t("bookings.from")} type="date" value=${from} max=${until || undefined} onChange=${filter("from")} />
      <${Field} label=${t("bookings.until")} type="date" value=${until} min=${from || undefined} onChange=${filter("until")} />
    </form>
    <div class="chips" role="group" aria-label=${t("bookings.status")}>
      ${STATUSES.map((name) => html`<button key=${name} class="chip" type="button" aria-pressed=${chosen.includes(name) ? "true" : "false"} onClick=${() => toggle(name)}>${t(`status.${name}`)}</button>`)}
      ${client && html`<button class="chip" type="button" aria-label=${t("audit.drop", { what: t("booking_table.client") })} onClick=${() => setQuery({ client_id: null })}>${t("booking_table.of", { name: pages.items[0]?.client.name ?? "…" })}<${Icon} name="cross" size=${14} /></button>`}
    </div>
    <${ColumnChoice} table="bookings" all=${ALL} shown=${shown} words=${columnWords} />
    ${pages.loading && html`<${Skeleton} rows=${8} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="ticket" title=${t("bookings.none")} text=${t("bookings.none_text")}>${filtered && html`<button class="button" type="button" onClick=${clear}>${t("experts.clear")}</button>`}<//>`}
    ${pages.items.length > 0 && html`
      <p class="hint" role="status">${t(pages.next ? "booking_table.shown_more" : "booking_table.shown", { n: pages.items.length })}</p>
      <${LongTable} key=${JSON.stringify(wanted)} label=${t("booking_table.title")} columns=${columns} rows=${pages.items} more=${Boolean(pages.next)} busy=${pages.more || Boolean(pages.error)} onMore=${pages.showMore} />
      ${pages.error && html`<p class="error" role="alert">${explain(pages.error)} <button class="link-button" type="button" onClick=${pages.showMore}>${t("state.retry")}</button></p>`}`}`;
}

/** @param {string} name */
const columnWords = (name) => ({ status: t("bookings.status"), expert: t("overview.expert") })[name] ?? t(`booking_table.${name}`);

/** @param {{earliest: boolean}} sort @returns {import("../parts/long_table.js").Column<Booking>[]} */
function columnsOf({ earliest }) {
  const plain = (/** @type {string} */ key, /** @type {(row: Booking) => any} */ cell) => ({ key, label: columnWords(key), cell });
  return [
    plain("code", (row) => html`<a href=${`/bookings/${row.id}`}>${row.code}</a>`),
    plain("status", (row) => html`<${Status} status=${row.status} />`),
    {
      ...plain("starts", (row) => html`<${When} at=${row.starts_at} />`),
      sorted: earliest ? "ascending" : "descending",
      sortWords: t(earliest ? "booking_table.sort_latest" : "booking_table.sort_earliest"),
      onSort: () => setQuery({ sort: earliest ? null : "starts_at" }),
    },
    plain("expert", (row) => row.expert.name),
    plain("client", (row) => html`<button class="link-button" type="button" aria-label=${t("booking_table.only_of", { name: row.client.name })} onClick=${() => setQuery({ client_id: row.client.id })}>${row.client.name}</button>`),
    plain("mode", (row) => t(`mode.${row.mode}`)),
    plain("note", (row) => row.note ?? ""),
    plain("reason", (row) => row.reason ?? ""),
    plain("made", (row) => html`<${When} at=${row.created_at} />`),
  ];
}
