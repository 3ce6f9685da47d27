// The live inbox of an expert: requests to decide, newest first, and what today needs.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { useDecisions } from "../decide.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Mode } from "../parts/booking_row.js";
import { ClockMoved } from "../parts/clock_moved.js";
import { Desk } from "../parts/desk.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { PresenceSwitch } from "../parts/presence_switch.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { SeriesMark } from "../parts/series_card.js";
import { Status } from "../parts/status.js";
import { Ago, When } from "../parts/time.js";
import { grouped } from "../series.js";
import { onNews, onResync, onTopic } from "../socket.js";
import { zone } from "../store.js";
import { addDays, formatLength, formatTime, instantOf, today } from "../time.js";

/** @import { Booking, Expert } from "../types.js" */

const POLL_MS = 30_000;

/** @param {{query: URLSearchParams}} props */
export default ({ query }) => html`<${Desk} query=${query} title=${t("live.title")}>${(/** @type {Expert} */ expert, /** @type {any} */ picker) => html`<${Live} key=${expert.id} expert=${expert} picker=${picker} />`}<//>`;

/** @param {{expert: Expert, picker: any}} props */
function Live({ expert, picker }) {
  const page = useLoad(async () => {
    const day = today(zone.value);
    const [pending, coming] = await Promise.all([
      api.get("/bookings", { expert_id: expert.id, status: "pending", sort: "starts_at", limit: 100 }),
      api.get("/bookings", {
        expert_id: expert.id,
        from: instantOf(`${day}T00:00`, zone.value),
        to: instantOf(`${addDays(day, 1)}T00:00`, zone.value),
        sort: "starts_at",
        limit: 100,
      }),
    ]);
    const forExpert = (/** @type {Booking} */ booking) => booking.expert.id === expert.id;
    /** @type {Booking[]} */
    const requests = pending.items.filter(forExpert).sort((/** @type {Booking} */ a, /** @type {Booking} */ b) => b.created_at.localeCompare(a.created_at));
    /** @type {Booking[]} */
    const todays = coming.items.filter(forExpert).filter((/** @type {Booking} */ b) => b.status === "confirmed" || b.status === "pending");
    return { requests, todays };
  }, [expert.id, zone.value]);
  const [fresh, setFresh] = useState(/** @type {Set<string>} */ (new Set()));
  const later = useDecisions(page.refresh);

  useEffect(() => {
    const stops = [
      onNews((one) => {
        if (one.kind === "booking.created" && one.data.booking_id) setFresh((old) => new Set(old).add(/** @type {string} */ (one.data.booking_id)));
        page.refresh();
      }),
      // A manager gets no notification of an expert's bookings, but the slots tell that something changed.
      onTopic(`expert:${expert.id}:slots`, page.refresh),
      onResync(page.refresh),
    ];
    const timer = setInterval(() => document.visibilityState === "visible" && page.refresh(), POLL_MS);
    return () => {
      stops.forEach((stop) => stop());
      clearInterval(timer);
    };
  }, [page.refresh]);

  // What was decided is gone at once, and comes back when somebody has changed it since.
  const requests = page.data?.requests.filter((booking) => !later.decided(booking));
  return html`
    <header class="page-head">
      <div class="row wrap between"><h1>${t("live.title")}</h1><${PresenceSwitch} expert=${expert} /></div>
      ${picker}
    </header>
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${!page.error && html`<div class="columns main-aside">
      <section aria-labelledby="requests">
        <h2 id="requests">${t("live.requests")}${requests && requests.length > 0 && html` <span class="soft">${requests.length}</span>`}</h2>
        ${page.loading && html`<${Skeleton} rows=${3} />`}
        ${requests?.length === 0 && html`<div class="card"><${Empty} icon="inbox" title=${t("live.none")} text=${t("live.none_text")} /></div>`}
        ${requests && html`<ul class="list" aria-live="polite" aria-relevant="additions">${grouped(requests).map((some) => html`<${Request} key=${some[0].series?.id ?? some[0].id} bookings=${some} fresh=${some.some((one) => fresh.has(one.id))} onDecide=${later.decide} />`)}</ul>`}
      </section>
      <section aria-labelledby="today">
        <h2 id="today">${t("live.today")}</h2>
        ${page.loading && html`<${Skeleton} rows=${3} />`}
        ${page.data && html`<div class="card"><${Preparation} bookings=${page.data.todays} /></div>`}
      </section>
    </div>`}`;
}

/** @param {{bookings: Booking[], fresh: boolean, onDecide: (bookings: Booking[], verb: "confirm" | "reject", reason: string) => void}} props */
function Request({ bookings: asked, fresh, onDecide }) {
  // Newest first is right for requests; the times of one are read in their order.
  const bookings = [...asked].sort((a, b) => a.starts_at.localeCompare(b.starts_at));
  const [booking] = bookings;
  const several = bookings.length > 1;
  const [rejecting, setRejecting] = useState(false);
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const reject = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (reason.trim()) onDecide(bookings, "reject", reason.trim());
    else setMissing(true);
  };
  return html`<li class=${fresh ? "card request fresh" : "card request"} data-booking=${booking.id}>
    <div class="row wrap between">
      <p class="strong"><a href=${`/bookings/${booking.id}`}><${When} at=${booking.starts_at} until=${booking.ends_at} /></a></p>
      ${fresh ? html`<span class="badge pending">${t("live.new")}</span>` : html`<span class="hint"><${Ago} at=${booking.created_at} /></span>`}
    </div>
    <p><strong>${booking.client.name}</strong></p>
    ${several && html`<details><summary>${t("series.more", { n: bookings.length - 1 })}</summary><ol class="series-dates">${bookings.slice(1).map((one) => html`<li key=${one.id}><a href=${`/bookings/${one.id}`}><${When} at=${one.starts_at} until=${one.ends_at} /></a></li>`)}</ol></details>`}
    <p class="row wrap meta soft"><${Mode} mode=${booking.mode} />${booking.series && !several && html`<${SeriesMark} series=${booking.series} />`}<span>${formatLength(booking.minutes)}</span><span class="code">${booking.code}</span><${ClockMoved} booking=${booking} /></p>
    ${booking.note && html`<p class="prose">${booking.note}</p>`}
    ${!rejecting && html`<div class="actions">
      ${booking.actions.includes("confirm") && html`<button class="button primary" type="button" onClick=${() => onDecide(bookings, "confirm", "")}><${Icon} name="check" size=${18} />${several ? t("series.confirm_all", { n: bookings.length }) : t("act.confirm")}</button>`}
      ${booking.actions.includes("reject") && html`<button class="button quiet-danger" type="button" onClick=${() => setRejecting(true)}>${several ? t("series.reject_all", { n: bookings.length }) : t("act.reject")}</button>`}
    </div>`}
    ${rejecting && html`<form onSubmit=${reject} novalidate>
      <${Field} as="textarea" rows="2" maxlength="500" label=${t("act.reason")} hint=${t("act.reason_hint")} value=${reason} error=${missing && !reason.trim() ? t("form.reason_missing") : undefined} onInput=${(/** @type {any} */ event) => setReason(event.target.value)} />
      <div class="actions"><button class="button danger">${t("act.reject")}</button><button class="button" type="button" onClick=${() => setRejecting(false)}>${t("action.back")}</button></div>
    </form>`}
  </li>`;
}

/** @param {{bookings: Booking[]}} props */
const Preparation = ({ bookings }) =>
  bookings.length === 0
    ? html`<p class="soft">${t("live.today_none")}</p>`
    : html`<ol class="day-list">
        ${bookings.map((booking) => html`<li key=${booking.id}>
          <p class="day-time">${formatTime(booking.starts_at, zone.value)}</p>
          <div class="grow">
            <p class="row wrap between"><a href=${`/bookings/${booking.id}`}>${booking.client.name}</a><${Status} status=${booking.status} /></p>
            <p class="row wrap meta soft"><${Mode} mode=${booking.mode} /><span>${formatLength(booking.minutes)}</span><${ClockMoved} booking=${booking} /></p>
            ${booking.note && html`<p class="soft">${booking.note}</p>`}
          </div>
        </li>`)}
      </ol>`;
