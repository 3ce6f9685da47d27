// Bookings week by week: by expert and status, as a chart, a table and a file for spreadsheets.
import { useMemo } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { BranchField } from "../parts/branch_field.js";
import { StackedBars } from "../parts/chart.js";
import { Download } from "../parts/download.js";
import { Field } from "../parts/form.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { STATUSES } from "../parts/status.js";
import { setQuery } from "../router.js";
import { user } from "../session.js";
import { zone } from "../store.js";
import { addDays, formatDate, today } from "../time.js";

/** @import { Page, WeekRow } from "../types.js" */

const PAGE = 100;
const USUAL_DAYS = 7 * 11;

/** All rows of the span, page by page. @param {Record<string, string>} wanted */
async function rowsOf(wanted) {
  /** @type {WeekRow[]} */
  const rows = [];
  let after = null;
  do {
    /** @type {Page<WeekRow>} */
    const page = await api.get("/admin/reports/weekly", { ...wanted, limit: PAGE, after });
    rows.push(...page.items);
    after = page.next;
  } while (after);
  return rows;
}

/** @param {{query: URLSearchParams}} props */
export default function Weekly({ query }) {
  const until = query.get("until") || today(zone.value);
  const from = query.get("from") || addDays(until, -USUAL_DAYS);
  const [branch, expert] = [query.get("branch_id") ?? "", query.get("expert_id") ?? ""];
  const wanted = { from, until, branch_id: branch, expert_id: expert };
  const page = useLoad(() => rowsOf(wanted), [from, until, branch, expert]);
  const rows = page.data ?? [];
  const weeks = useMemo(() => byWeek(rows), [page.data]);
  const experts = useMemo(() => [...new Map(rows.map((row) => [row.expert.id, row.expert.name]))].sort((a, b) => a[1].localeCompare(b[1])), [page.data]);
  const series = STATUSES.map((key) => ({ key, label: t(`status.${key}`), tone: key }));
  const filter = (/** @type {string} */ name) => (/** @type {any} */ event) => setQuery({ [name]: event.target.value });
  return html`
    <header class="page-head row wrap between"><div class="grow"><h1>${t("weekly.title")}</h1><p class="soft">${t("weekly.lead")}</p></div>
      <${Download} path="/admin/reports/weekly.csv" query=${wanted} name=${`weekly-${from}-${until}.csv`} label=${t("weekly.file")} /></header>
    <form class="filters" role="search" aria-label=${t("weekly.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Field} label=${t("bookings.from")} type="date" value=${from} max=${until} onChange=${filter("from")} />
      <${Field} label=${t("bookings.until")} type="date" value=${until} min=${from} onChange=${filter("until")} />
      ${user.value?.role === "admin" && html`<${BranchField} value=${branch} />`}
      <${Field} as="select" label=${t("overview.expert")} value=${expert} onChange=${filter("expert_id")}>
        <option value="">${t("bookings.any_status")}</option>${experts.map(([id, name]) => html`<option key=${id} value=${id} selected=${id === expert}>${name}</option>`)}
      <//>
    </form>
    ${page.loading && html`<${Skeleton} rows=${6} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && !rows.length && html`<${Empty} icon="week" title=${t("weekly.none")} text=${t("weekly.none_text")} />`}
    ${rows.length > 0 && html`<div class="stack">
      <section class="card"><${StackedBars} title=${t("weekly.chart")} series=${series} points=${weeks} first=${t("weekly.week")} /></section>
      <section class="card"><h2 id="weeks">${t("weekly.by_expert")}</h2>
        <div class="wide-table" tabindex="0" role="region" aria-labelledby="weeks"><table class="figures">
          <thead><tr><th scope="col">${t("weekly.week")}</th><th scope="col" class="name">${t("overview.expert")}</th>${STATUSES.map((status) => html`<th key=${status} scope="col">${t(`status.${status}`)}</th>`)}<th scope="col">${t("weekly.total")}</th><th scope="col">${t("overview.booked")}</th></tr></thead>
          <tbody>${rows.map((row) => html`<tr key=${`${row.week} ${row.expert.id}`}>
            <th scope="row" title=${formatDate(row.starts_on)}>${row.week}</th>
            <td class="name">${row.expert.name}${row.branch && html` <span class="soft">${row.branch.name}</span>`}</td>
            ${STATUSES.map((status) => html`<td key=${status} class=${row.counts[status] ? "" : "zero"}>${row.counts[status]}</td>`)}
            <td><strong>${row.total}</strong></td><td>${Math.round(row.booked_minutes / 6) / 10}</td></tr>`)}</tbody>
        </table></div>
      </section>
    </div>`}`;
}

/** Oldest first, as time goes from left to right. @param {WeekRow[]} rows */
function byWeek(rows) {
  /** @type {Map<string, Record<string, number>>} */
  const weeks = new Map();
  for (const row of rows.toReversed()) {
    const values = weeks.get(row.week) ?? {};
    for (const status of STATUSES) values[status] = (values[status] ?? 0) + row.counts[status];
    weeks.set(row.week, values);
  }
  return [...weeks].map(([label, values]) => ({ label, values }));
}
