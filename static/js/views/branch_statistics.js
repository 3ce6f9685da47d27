// How a branch fares, for who runs it: bookings day by day, how full everybody is, who called off, what clients say, and
// why bookings went to whom they went. Dates are those of the branch's clock.
import { useEffect, useMemo } from "preact/hooks";
import { api } from "../api.js";
import { runs } from "../branch.js";
import { html } from "../html.js";
import { formatNumber, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { StackedBars } from "../parts/chart.js";
import { Download } from "../parts/download.js";
import { Field } from "../parts/form.js";
import { Stars } from "../parts/stars.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { STATUSES, Status } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { setQuery } from "../router.js";
import { onResync, onTopic } from "../socket.js";
import { addDays, formatDate, zoneCity } from "../time.js";

/** @import { Statistics } from "../branch.js" */

/** Bookings come in bursts; the figures follow once they have settled. */
const SETTLED_MS = 1500;
const MOST_DAYS = 92;

/** @param {{params: {id: string}, query: URLSearchParams}} props */
export default function BranchStatistics({ params: { id }, query }) {
  if (!runs(id)) return html`<${Empty} page icon="ban" title=${t("denied.title")} text=${t("denied.text")}><a class="button" href="/branches">${t("branches.title")}</a><//>`;
  return html`<${Told} id=${id} query=${query} />`;
}

/** @param {{id: string, query: URLSearchParams}} props */
function Told({ id, query }) {
  const wanted = { from: query.get("from") ?? "", to: query.get("to") ?? "" };
  const page = useLoad(() => /** @type {Promise<Statistics>} */ (api.get(`/branches/${id}/statistics`, wanted)), [id, wanted.from, wanted.to]);
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = window.setTimeout(page.refresh, SETTLED_MS);
    };
    const stops = [onTopic(`branch:${id}:slots`, soon), onResync(soon)];
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(timer);
    };
  }, [id, page.refresh]);
  const figures = page.data;
  const filter = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value });
  const [from, to] = [wanted.from || (figures?.from ?? ""), wanted.to || (figures?.to ?? "")];
  return html`
    <header class="page-head row wrap between">
      <div class="grow"><h1>${t("statistics.title")}</h1>
        <p class="soft">${figures ? html`<a href=${`/branches/${id}`}>${figures.branch.name}</a> · ${t("statistics.clock", { city: zoneCity(figures.time_zone) })}` : t("statistics.lead")}</p></div>
      <${Download} path=${`/branches/${id}/statistics.csv`} query=${wanted} name=${`statistics-${from}-${to}.csv`} label=${t("weekly.file")} />
    </header>
    <form class="filters" role="search" aria-label=${t("overview.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Field} label=${t("bookings.from")} type="date" value=${from} max=${to} min=${to && addDays(to, 1 - MOST_DAYS)} onChange=${filter("from")} />
      <${Field} label=${t("bookings.until")} type="date" value=${to} min=${from} max=${from && addDays(from, MOST_DAYS - 1)} onChange=${filter("to")} />
    </form>
    ${page.loading && html`<${Skeleton} rows=${6} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${figures && (isEmpty(figures) ? html`<${Empty} icon="week" title=${t("statistics.none")} text=${t("statistics.none_text")} />` : html`<${Figures} figures=${figures} />`)}`;
}

/** @param {Statistics} figures */
const isEmpty = ({ days, reviews }) => !reviews.count && days.every(({ counts, created }) => !created && STATUSES.every((status) => !counts[status]));

/** @param {{figures: Statistics}} props */
function Figures({ figures }) {
  const { days, bookings } = figures;
  const day = (/** @type {string} */ date) => formatDate(date, { day: "numeric", month: "short" });
  const started = useMemo(() => days.map(({ date, counts }) => ({ label: day(date), values: { ...counts } })), [days]);
  const made = useMemo(() => days.map(({ date, created }) => ({ label: day(date), values: { created } })), [days]);
  const series = STATUSES.map((key) => ({ key, label: t(`status.${key}`), tone: key }));
  return html`<div class="stack">
    <section class="card" aria-labelledby="by-status"><h2 id="by-status">${t("statistics.by_status")}</h2>
      <ul class="tiles">${STATUSES.map((status) => html`<li key=${status}><span class="tile"><strong>${bookings[status]}</strong><${Status} status=${status} /></span></li>`)}</ul>
      ${figures.mean_lead_minutes !== null && html`<p class="soft">${t("statistics.lead_time", { long: length(figures.mean_lead_minutes) })}</p>`}
    </section>
    <section class="card"><${StackedBars} title=${t("overview.bookings")} series=${series} points=${started} first=${t("overview.date")} /></section>
    <section class="card"><${StackedBars} title=${t("statistics.made")} series=${[{ key: "created", label: t("statistics.made_one"), tone: "confirmed" }]} points=${made} first=${t("overview.date")} /></section>
    <${Experts} figures=${figures} />
    <div class="columns">
      <${Reviews} reviews=${figures.reviews} />
      <div class="stack"><${CalledOff} figures=${figures} /><${Assignments} given=${figures.assignments} /><${Foretold} estimates=${figures.estimates} /></div>
    </div>
  </div>`;
}

/** As people say it: in hours up to two days. @param {number} minutes */
function length(minutes) {
  const [value, unit] = minutes < 60 ? [minutes, "minute"] : minutes < 2880 ? [minutes / 60, "hour"] : [minutes / 1440, "day"];
  return formatNumber(value, { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 });
}

/** @param {{figures: Statistics}} props */
function Experts({ figures: { experts, from, to } }) {
  const hours = (/** @type {number} */ minutes) => Math.round(minutes / 6) / 10;
  const share = (/** @type {{booked_minutes: number, open_minutes: number}} */ one) => (one.open_minutes ? one.booked_minutes / one.open_minutes : 0);
  const heads = ["overview.booked", "overview.open", "overview.share", "status.completed", "status.missed", "statistics.off_by_client", "statistics.off_by_staff"];
  return html`<div class="card"><h2 id="full">${t("overview.utilisation")}</h2>
    ${!experts.length && html`<p class="soft">${t("branch.nobody")}</p>`}
    ${experts.length > 0 && html`<div class="wide-table" tabindex="0" role="region" aria-labelledby="full"><table class="figures">
      <thead><tr><th scope="col">${t("overview.expert")}</th>${heads.map((head) => html`<th key=${head} scope="col">${t(head)}</th>`)}</tr></thead>
      <tbody>${experts.map((one) => html`<tr key=${one.expert.id}>
        <th scope="row"><a href=${`/admin/bookings?expert_id=${one.expert.id}&from=${from}&until=${to}`}>${one.expert.name}</a></th>
        <td>${hours(one.booked_minutes)}</td><td>${hours(one.open_minutes)}</td>
        <td><span class="share"><meter min="0" max="1" value=${Math.min(share(one), 1)} aria-label=${t("overview.share")}></meter>${one.open_minutes ? `${Math.round(share(one) * 100)} %` : "–"}</span></td>
        ${[one.counts.completed, one.counts.missed, one.cancelled.by_client, one.cancelled.by_staff].map((n, i) => html`<td key=${i} class=${n ? "" : "zero"}>${n}</td>`)}
      </tr>`)}</tbody>
    </table></div>`}
  </div>`;
}

/** @param {{reviews: Statistics["reviews"]}} props */
function Reviews({ reviews }) {
  const mean = reviews.mean === null ? undefined : formatNumber(reviews.mean, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return html`<section class="card" aria-labelledby="said"><h2 id="said">${t("statistics.reviews")}</h2>
    ${!reviews.count && html`<p class="soft">${t("statistics.no_reviews")}</p>`}
    ${reviews.count > 0 && html`
      <p><strong>${mean}</strong> <span class="soft">${t("stars.reviews", { n: reviews.count })}</span></p>
      <ul class="plain-list">${[5, 4, 3, 2, 1].map((n) => html`<li class="row between" key=${n}><span>${t("stars.of", { n })}</span><span class="share"><meter min="0" max=${reviews.count} value=${reviews.stars[n - 1]} aria-label=${t("stars.of", { n })}></meter>${reviews.stars[n - 1]}</span></li>`)}</ul>
      <ul class="plain-list">${reviews.newest.map((one) => html`<li key=${one.booking_id}>
        <p class="row wrap between"><${Stars} stars=${one.stars} /><a href=${`/bookings/${one.booking_id}`}>${one.expert.name}</a> <span class="soft"><${Ago} at=${one.created_at} /></span></p>
        <p class="prose">${one.text}</p><p class="soft">${one.client_name}</p>
      </li>`)}</ul>`}
  </section>`;
}

/** @param {{figures: Statistics}} props */
function CalledOff({ figures: { bookings, cancelled } }) {
  const sides = [
    { words: t("statistics.off_by_client"), n: cancelled.by_client },
    { words: t("statistics.off_by_staff"), n: cancelled.by_staff },
    { words: t("statistics.off_by_system"), n: cancelled.by_system },
    { words: t("status.rejected"), n: bookings.rejected },
    { words: t("status.missed"), n: bookings.missed },
  ];
  return html`<section class="card" aria-labelledby="off"><h2 id="off">${t("statistics.off")}</h2>
    <ul class="plain-list">${sides.map(({ words, n }) => html`<li class="row between" key=${words}><span>${words}</span><strong>${n}</strong></li>`)}</ul>
  </section>`;
}

/** @param {{estimates: Statistics["estimates"]}} props */
function Foretold({ estimates: { mean_error_minutes: off, within_p90: within } }) {
  if (off === null || within === null) return null;
  return html`<section class="card" aria-labelledby="foretold"><h2 id="foretold">${t("statistics.foretold")}</h2>
    <p>${t("statistics.foretold_off", { n: Math.round(off) })}</p>
    <p class="soft">${t("statistics.foretold_within", { percent: formatNumber(within, { style: "percent" }) })}</p>
  </section>`;
}

/** @param {{given: Statistics["assignments"]}} props */
function Assignments({ given }) {
  const facts = [
    { words: t("statistics.given"), n: given.given },
    { words: t("statistics.only_one"), n: given.only_one },
    { words: t("statistics.passed_on"), n: given.passed_on },
    { words: t("statistics.with_skill"), n: given.with_skill },
    ...given.by_strategy.map(({ strategy, count }) => ({ words: t(`branch_strategy.${strategy}`), n: count })),
  ];
  return html`<section class="card" aria-labelledby="given"><h2 id="given">${t("statistics.assignments")}</h2>
    ${!given.given && html`<p class="soft">${t("statistics.none_given")}</p>`}
    ${given.given > 0 && html`
      <ul class="plain-list">${facts.map(({ words, n }) => html`<li class="row between" key=${words}><span>${words}</span><strong>${n}</strong></li>`)}</ul>
      ${given.decided_by.length > 0 && html`<h3>${t("statistics.decided_by")}</h3>
        <ul class="plain-list">${given.decided_by.map(({ part, count }) => html`<li class="row between" key=${part}><span>${t(`assignment_part.${part}`)}</span><strong>${count}</strong></li>`)}</ul>`}`}
  </section>`;
}
