// Find an expert.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Avatar } from "../parts/avatar.js";
import { Icon } from "../parts/icon.js";
import { SearchField } from "../parts/search_field.js";
import { Rating } from "../parts/stars.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { Presence } from "../parts/status.js";
import { When } from "../parts/time.js";
import { setQuery } from "../router.js";

/** @import { Expert, Page } from "../types.js" */

/** @param {{query: URLSearchParams}} props */
export default function Experts({ query }) {
  const text = query.get("query") ?? "";
  const tag = query.get("tag") ?? "";
  const [tags, setTags] = useState(/** @type {string[]} */ ([]));
  const pages = usePages(
    (after, limit) => /** @type {Promise<Page<Expert>>} */ (api.get("/experts", { query: text, tag, after, limit })),
    [text, tag],
    12,
  );

  useEffect(() => {
    setTags((old) => [...new Set([...old, ...(tag ? [tag] : []), ...pages.items.flatMap((expert) => expert.tags)])]);
  }, [pages.items, tag]);

  return html`
    <header class="page-head">
      <h1>${t("experts.title")}</h1>
      <p class="soft">${t("experts.lead")}</p>
    </header>
    <form class="search" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("experts.search")} value=${text} name="query" placeholder=${t("experts.placeholder")} />
    </form>
    ${tags.length > 0 && html`<div class="chips" role="group" aria-label=${t("experts.tags")}>
      ${tags.slice(0, 16).map((name) => html`<button key=${name} type="button" class="chip" aria-pressed=${name === tag ? "true" : "false"} onClick=${() => setQuery({ tag: name === tag ? null : name })}>${name}</button>`)}
    </div>`}
    ${pages.loading && html`<${Skeleton} kind="cards" rows=${6} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="search" title=${t(text || tag ? "experts.none" : "experts.empty")} text=${t(text || tag ? "experts.none_text" : "experts.empty_text")}>
      ${(text || tag) && html`<button class="button" type="button" onClick=${() => setQuery({ query: null, tag: null })}>${t("experts.clear")}</button>`}
    <//>`}
    ${pages.items.length > 0 && html`<ul class="cards">${pages.items.map((expert) => html`<${ExpertCard} key=${expert.id} expert=${expert} />`)}</ul><${More} pages=${pages} />`}`;
}

/** @param {{expert: Expert}} props */
const ExpertCard = ({ expert }) => html`
  <li class="card expert-card">
    <div class="row top-row">
      <${Avatar} name=${expert.name} url=${expert.avatar_url} />
      <div class="grow">
        <h2><a class="stretched" href=${`/experts/${expert.id}`}>${expert.name}</a></h2>
        <p class="soft">${expert.headline}</p>
      </div>
    </div>
    <p class="row wrap meta"><${Rating} rating=${expert.rating} count=${expert.review_count} />${expert.presence !== "offline" && html`<${Presence} presence=${expert.presence} />`}</p>
    ${expert.tags.length > 0 && html`<p class="tags">${expert.tags.slice(0, 4).map((tag) => html`<span class="tag" key=${tag}>${tag}</span>`)}</p>`}
    <p class="next-free"><${Icon} name="calendar" size=${18} />${expert.next_free_at ? html`<span>${t("experts.next_free")} <strong><${When} at=${expert.next_free_at} /></strong></span>` : html`<span class="soft">${t("experts.no_free")}</span>`}</p>
  </li>`;
