// My bookings: what is coming and what was, filtered by the address.
import { useEffect } from "preact/hooks";
import { api, now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { BookingRow } from "../parts/booking_row.js";
import { Field } from "../parts/form.js";
import { SearchField } from "../parts/search_field.js";
import { SeriesGroup } from "../parts/series_group.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { STATUSES } from "../parts/status.js";
import { setQuery } from "../router.js";
import { grouped } from "../series.js";
import { onNews, onResync } from "../socket.js";
import { zone } from "../store.js";
import { addDays, instantOf } from "../time.js";

/** @import { Booking, Page } from "../types.js" */

/** A booking under way still counts as coming, so the list looks this far back and drops what is over. */
const UNDER_WAY_MS = 24 * 3_600_000;

/** @param {{query: URLSearchParams}} props */
export default function Bookings({ query }) {
  const past = query.get("when") === "past";
  const filters = { status: query.get("status") ?? "", from: query.get("from") ?? "", until: query.get("until") ?? "", query: query.get("query") ?? "" };
  const filtered = Object.values(filters).some(Boolean);

  const read = async (/** @type {string | null} */ after, /** @type {number} */ limit) => {
    const moment = now();
    const from = filters.from ? Date.parse(instantOf(`${filters.from}T00:00`, zone.value)) : -Infinity;
    const to = filters.until ? Date.parse(instantOf(`${addDays(filters.until, 1)}T00:00`, zone.value)) : Infinity;
    const bounds = past ? { from, to: Math.min(to, moment) } : { from: Math.max(from, moment - UNDER_WAY_MS), to };
    const instant = (/** @type {number} */ ms) => (Number.isFinite(ms) ? new Date(Math.trunc(ms / 1000) * 1000).toISOString() : null);
    /** @type {Page<Booking>} */
    const page = await api.get("/bookings", {
      status: filters.status,
      query: filters.query,
      from: instant(bounds.from),
      to: instant(bounds.to),
      sort: past ? "-starts_at" : "starts_at",
      after,
      limit,
    });
    return { ...page, items: page.items.filter((booking) => Date.parse(booking.ends_at) <= moment === past) };
  };
  const pages = usePages(read, [past, filters.status, filters.from, filters.until, filters.query, zone.value]);

  useEffect(() => {
    const stops = [onNews((one) => void (one.data?.booking_id && pages.refresh())), onResync(pages.refresh)];
    return () => stops.forEach((stop) => stop());
  }, [pages.refresh]);

  const filter = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value });
  const clear = () => setQuery({ status: null, from: null, until: null, query: null });
  return html`
    <header class="page-head"><h1>${t("bookings.title")}</h1></header>
    <div class="segments tabs" role="group" aria-label=${t("bookings.when")}>
      <button type="button" aria-pressed=${past ? "false" : "true"} onClick=${() => setQuery({ when: null })}>${t("bookings.upcoming")}</button>
      <button type="button" aria-pressed=${past ? "true" : "false"} onClick=${() => setQuery({ when: "past" })}>${t("bookings.past")}</button>
    </div>
    <form class="filters" role="search" aria-label=${t("bookings.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("bookings.text")} value=${filters.query} />
      <${Field} as="select" label=${t("bookings.status")} value=${filters.status} onChange=${filter("status")}>
        <option value="">${t("bookings.any_status")}</option>
        ${STATUSES.map((status) => html`<option key=${status} value=${status}>${t(`status.${status}`)}</option>`)}
      <//>
      <${Field} label=${t("bookings.from")} type="date" value=${filters.from} max=${filters.until || undefined} onChange=${filter("from")} />
      <${Field} label=${t("bookings.until")} type="date" value=${filters.until} min=${filters.from || undefined} onChange=${filter("until")} />
    </form>
    ${pages.loading && html`<${Skeleton} rows=${5} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && !pages.next &&
    (filtered
      ? html`<${Empty} icon="search" title=${t("bookings.none")} text=${t("bookings.none_text")}><button class="button" type="button" onClick=${clear}>${t("experts.clear")}</button><//>`
      : html`<${Empty} icon="ticket" title=${t(past ? "bookings.empty_past" : "bookings.empty")} text=${t("bookings.empty_text")}><a class="button primary" href="/">${t("nav.find")}</a><//>`)}
    ${!pages.loading && (pages.items.length > 0 || pages.next) && html`<ul class="list">${grouped(pages.items).map((some) => (some.length > 1 ? html`<${SeriesGroup} key=${some[0].series?.id} bookings=${some} />` : html`<${BookingRow} key=${some[0].id} booking=${some[0]} />`))}</ul><${More} pages=${pages} />`}`;
}
