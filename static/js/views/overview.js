// How the house stands: what today and this week hold, how it went day by day, how full the experts are, what waits for
// somebody. A manager sees the own branch. It follows the news while it is open.
import { useEffect, useMemo } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { BranchField } from "../parts/branch_field.js";
import { StackedBars } from "../parts/chart.js";
import { Choice } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Providers } from "../parts/providers.js";
import { Failed, Skeleton } from "../parts/states.js";
import { STATUSES, Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { spoken } from "../parts/trace.js";
import { setQuery } from "../router.js";
import { user } from "../session.js";
import { onNews, onResync, onTopic } from "../socket.js";
import { addDays, formatDate } from "../time.js";

/** @import { Counts, Overview } from "../types.js" */

/** News come in bursts; the figures follow once they have settled. */
const SETTLED_MS = 1500;
/** What no socket tells, such as messages that were given up, is asked for while the page is looked at. */
const EVERY_MS = 30_000;
const lengths = [7, 28, 91];

const outcomes = [
  { key: "arrived", tone: "confirmed" },
  { key: "waiting", tone: "pending" },
  { key: "failed", tone: "rejected" },
  { key: "skipped", tone: "cancelled" },
];

/** @param {{query: URLSearchParams}} props */
export default function OverviewPage({ query }) {
  const days = lengths.find((one) => String(one) === query.get("days")) ?? 28;
  const branch = query.get("branch_id") ?? "";
  const isAdmin = user.value?.role === "admin";
  const page = useLoad(() => /** @type {Promise<Overview>} */ (api.get("/admin/overview", { days, branch_id: branch })), [days, branch]);
  // A booking that is made, moved or called off changes what its expert has free: that is told to whoever listens.
  const experts = page.data?.experts.map(({ expert }) => expert.id).join() ?? "";
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = window.setTimeout(page.refresh, SETTLED_MS);
    };
    const stops = [onNews(soon), onResync(soon), ...experts.split(",").filter(Boolean).map((id) => onTopic(`expert:${id}:slots`, soon))];
    const regular = setInterval(() => !document.hidden && page.refresh(), EVERY_MS);
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(timer);
      clearInterval(regular);
    };
  }, [page.refresh, experts]);
  return html`
    <header class="page-head row wrap between"><div class="grow"><h1>${t("overview.title")}</h1><p class="soft">${t(isAdmin ? "overview.lead" : "overview.lead_branch")}</p></div></header>
    <form class="filters" aria-label=${t("overview.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Choice} label=${t("overview.span")} value=${days} options=${lengths.map((value) => ({ value, label: t("overview.days", { n: value }) }))} onChange=${(/** @type {number} */ value) => setQuery({ days: String(value) })} />
      ${isAdmin && html`<${BranchField} value=${branch} />`}
    </form>
    ${page.loading && html`<${Skeleton} rows=${6} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`<${Figures} figures=${page.data} />`}`;
}

/** @param {{figures: Overview}} props */
function Figures({ figures }) {
  const { bookings, deliveries } = figures;
  const day = (/** @type {string} */ date) => formatDate(date, { day: "numeric", month: "short" });
  const booked = useMemo(() => bookings.map(({ date, counts }) => ({ label: day(date), values: { ...counts } })), [bookings]);
  const sent = useMemo(() => byDay(figures, day), [figures]);
  const series = STATUSES.map((key) => ({ key, label: t(`status.${key}`), tone: key }));
  return html`<div class="stack">
    <div class="columns">
      <${Counted} title=${t("overview.today")} counts=${figures.bookings_today} from=${figures.today} until=${figures.today} />
      <${Counted} title=${t("overview.week")} counts=${figures.bookings_this_week} from=${monday(figures.today)} until=${addDays(monday(figures.today), 6)} />
    </div>
    ${figures.waiting && html`<${Waiting} waiting=${figures.waiting} />`}
    <section class="card"><${StackedBars} title=${t("overview.bookings")} series=${series} points=${booked} first=${t("overview.date")} /></section>
    ${deliveries && html`<section class="card"><${StackedBars} title=${t("overview.deliveries")} series=${outcomes.map((one) => ({ ...one, label: t(`told.${one.key}`) }))} points=${sent} first=${t("overview.date")} /><${Channels} figures=${figures} /></section>`}
    <${Utilisation} figures=${figures} />
    ${figures.waiting && html`<${Providers} />`}
  </div>`;
}

/** @param {string} date */
const monday = (date) => addDays(date, -((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7));

/** @param {Overview} figures @param {(date: string) => string} day */
function byDay({ bookings, deliveries }, day) {
  return bookings.map(({ date }) => {
    const values = { arrived: 0, waiting: 0, failed: 0, skipped: 0 };
    for (const one of deliveries ?? []) {
      if (one.date === date) for (const name of /** @type {(keyof typeof values)[]} */ (Object.keys(values))) values[name] += one[name];
    }
    return { label: day(date), values };
  });
}

/** @param {{title: string, counts: Counts, from: string, until: string}} props */
const Counted = ({ title, counts, from, until }) => html`<section class="card">
  <h2>${title}</h2>
  <ul class="tiles">${STATUSES.map((status) => html`<li key=${status}><a class="tile" href=${`/admin/bookings?status=${status}&from=${from}&until=${until}`}><strong>${counts[status]}</strong><${Status} status=${status} /></a></li>`)}</ul>
</section>`;

/** @param {{waiting: NonNullable<Overview["waiting"]>}} props */
function Waiting({ waiting }) {
  const rows = [
    { n: waiting.dead, words: t("overview.dead", { n: waiting.dead }), href: "/admin/outbox?status=dead" },
    { n: waiting.ambiguous, words: t("overview.ambiguous", { n: waiting.ambiguous }), href: "/admin/outbox?status=ambiguous" },
    { n: waiting.parked, words: t("overview.parked", { n: waiting.parked }), href: "/admin/explain" },
  ].filter(({ n }) => n > 0);
  return html`<section class="card" aria-labelledby="waiting"><h2 id="waiting">${t("overview.waiting")}</h2>
    ${rows.length
      ? html`<ul class="stack">${rows.map((row) => html`<li key=${row.href}><a href=${row.href}>${row.words}</a></li>`)}</ul>`
      : html`<p class="row"><${Icon} name="check" size=${18} /><span>${t("overview.nothing_waits")}</span></p>`}
    ${waiting.oldest_unplanned && html`<p class="hint">${t("overview.unplanned", { n: waiting.unplanned })} <${Ago} at=${waiting.oldest_unplanned} /></p>`}
  </section>`;
}

/** The same by channel. @param {{figures: Overview}} props */
function Channels({ figures }) {
  const channels = [...new Set((figures.deliveries ?? []).map(({ channel }) => channel))];
  if (!channels.length) return null;
  const sum = (/** @type {string} */ channel, /** @type {"arrived" | "waiting" | "failed" | "skipped"} */ name) => (figures.deliveries ?? []).filter((one) => one.channel === channel).reduce((total, one) => total + one[name], 0);
  return html`<div class="wide-table" tabindex="0" role="region" aria-label=${t("overview.channels")}><table class="figures">
    <caption>${t("overview.channels")}</caption>
    <thead><tr><th scope="col">${t("outbox.channel")}</th>${outcomes.map(({ key }) => html`<th key=${key} scope="col">${t(`told.${key}`)}</th>`)}</tr></thead>
    <tbody>${channels.map((channel) => html`<tr key=${channel}><th scope="row">${spoken(t(`channel.${channel}`), channel)}</th>${outcomes.map(({ key }) => html`<td key=${key}>${sum(channel, /** @type {any} */ (key))}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** @param {{figures: Overview}} props */
function Utilisation({ figures: { experts, from, days } }) {
  const hours = (/** @type {number} */ minutes) => Math.round(minutes / 6) / 10;
  const share = (/** @type {{booked_minutes: number, open_minutes: number}} */ one) => (one.open_minutes ? one.booked_minutes / one.open_minutes : 0);
  const until = addDays(from, days - 1);
  return html`<section class="card"><h2>${t("overview.utilisation")}</h2>
    ${!experts.length && html`<p class="soft">${t("chart.nothing")}</p>`}
    ${experts.length > 0 && html`<div class="wide-table" tabindex="0" role="region" aria-label=${t("overview.utilisation")}><table class="figures">
      <thead><tr><th scope="col">${t("overview.expert")}</th><th scope="col">${t("overview.booked")}</th><th scope="col">${t("overview.open")}</th><th scope="col">${t("overview.share")}</th></tr></thead>
      <tbody>${experts.map((one) => html`<tr key=${one.expert.id}>
        <th scope="row"><a href=${`/admin/bookings?expert_id=${one.expert.id}&from=${from}&until=${until}`}>${one.expert.name}</a></th>
        <td>${hours(one.booked_minutes)}</td><td>${hours(one.open_minutes)}</td>
        <td><span class="share"><meter min="0" max="1" value=${Math.min(share(one), 1)} aria-label=${t("overview.share")}></meter>${one.open_minutes ? `${Math.round(share(one) * 100)} %` : "–"}</span></td>
      </tr>`)}</tbody>
    </table></div>`}
  </section>`;
}
