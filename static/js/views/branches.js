// Find a branch.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { hoursOn } from "../parts/branch_hours.js";
import { Icon } from "../parts/icon.js";
import { SearchField } from "../parts/search_field.js";
import { Rating } from "../parts/stars.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { setQuery } from "../router.js";
import { user } from "../session.js";
import { today } from "../time.js";

/** @import { Branch, Page } from "../types.js" */

/** @param {{query: URLSearchParams}} props */
export default function Branches({ query }) {
  const text = query.get("query") ?? "";
  const admin = user.value?.role === "admin";
  const pages = usePages(
    (after, limit) => /** @type {Promise<Page<Branch>>} */ (api.get("/branches", { query: text, closed: admin ? "true" : undefined, after, limit })),
    [text, admin],
    12,
  );
  return html`
    <header class="page-head row wrap between">
      <div class="grow"><h1>${t("branches.title")}</h1><p class="soft">${t("branches.lead")}</p></div>
      ${admin && html`<a class="button" href="/admin/new-branch"><${Icon} name="plus" size=${18} />${t("branches.add")}</a>`}
    </header>
    <form class="search" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("experts.search")} value=${text} name="query" placeholder=${t("branches.placeholder")} />
    </form>
    ${pages.loading && html`<${Skeleton} kind="cards" rows=${3} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="pin" title=${t(text ? "branches.none" : "branches.empty")} text=${t(text ? "experts.none_text" : "branches.empty_text")}>
      ${text && html`<button class="button" type="button" onClick=${() => setQuery({ query: null })}>${t("experts.clear")}</button>`}
    <//>`}
    ${pages.items.length > 0 && html`<ul class="cards">${pages.items.map((branch) => html`<${BranchCard} key=${branch.id} branch=${branch} />`)}</ul><${More} pages=${pages} />`}`;
}

/** @param {{branch: Branch}} props */
const BranchCard = ({ branch }) => html`
  <li class="card expert-card">
    <div class="row between wrap"><h2><a class="stretched" href=${`/branches/${branch.id}`}>${branch.name}</a></h2>${!branch.active && html`<span class="badge cancelled">${t("branch.inactive")}</span>`}</div>
    ${branch.address && html`<p class="row"><${Icon} name="pin" size=${18} /><span>${branch.address}</span></p>`}
    <p class="row wrap meta"><${Rating} rating=${branch.rating} count=${branch.review_count} /></p>
    <p class="next-free"><${Icon} name="clock" size=${18} /><span>${t("branch.today")} <strong>${hoursOn(branch, today(branch.time_zone))}</strong></span></p>
  </li>`;
