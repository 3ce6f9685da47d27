// Whose desk a page shows: an expert's own, or for managers and admins the chosen expert's (in the address).
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { setQuery } from "../router.js";
import { user } from "../session.js";
import { Field } from "./form.js";
import { Empty, Failed, Skeleton } from "./states.js";

/** @import { Expert } from "../types.js" */

/**
 * Wraps a page that works for one expert.
 * @param {{query: URLSearchParams, title: string, children: (expert: Expert, picker: any) => any}} props
 */
export function Desk({ query, title, children }) {
  const own = user.value?.role === "expert";
  const branch = user.value?.role === "manager" ? user.value.branch_id : undefined;
  const experts = useLoad(async () => (own ? [] : (await api.get("/experts", { limit: 100, branch_id: branch })).items), [own, branch]);
  const id = own ? user.value?.id : query.get("expert") ?? experts.data?.[0]?.id;
  const page = useLoad(async () => (id ? api.get(`/experts/${id}`) : null), [id]);
  const failed = experts.error ?? page.error;
  const head = html`<h1>${title}</h1>`;
  if (failed) return html`<header class="page-head">${head}</header><${Failed} error=${failed} retry=${experts.error ? experts.retry : page.retry} />`;
  if (experts.loading || page.loading) return html`<header class="page-head">${head}</header><${Skeleton} rows=${5} />`;
  if (!page.data) return html`<header class="page-head">${head}</header><${Empty} icon="people" title=${t("experts.empty")} text=${t("experts.empty_text")} />`;
  const picker = !own && html`<div class="desk-picker"><${Field} as="select" label=${t("desk.expert")} value=${id} onChange=${(/** @type {any} */ event) => setQuery({ expert: event.target.value })}>
    ${(experts.data ?? []).map((/** @type {Expert} */ expert) => html`<option key=${expert.id} value=${expert.id}>${expert.name}</option>`)}
  <//></div>`;
  return children(page.data, picker);
}
