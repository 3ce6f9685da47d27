// The rules that decide who is told of what: by event, with what each does in one line.
import { api } from "../api.js";
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { setQuery } from "../router.js";
import { EVENT_TYPES } from "../rule.js";

/** @import { Rule } from "../types.js" */

/** @type {Record<string, (rule: Rule) => boolean>} */
const states = {
  on: (rule) => rule.enabled,
  off: (rule) => !rule.enabled,
  edited: (rule) => rule.edited === true,
  own: (rule) => rule.edited === null,
};

/** "E-mail, Telegram, Push; then SMS" @param {Rule} rule */
export function waysOf({ channels, fallback }) {
  const list = (/** @type {string[]} */ ways) => ways.map((way) => t(`way.${way}`)).join(", ");
  if (!channels.length) return t("rules.no_ways");
  return fallback.length ? t("rules.ways_then", { first: list(channels), then: list(fallback) }) : list(channels);
}

/** @param {{query: URLSearchParams}} props */
export default function Rules({ query }) {
  const page = useLoad(async () => /** @type {Rule[]} */ ((await api.get("/admin/rules")).items), []);
  const text = query.get("query") ?? "";
  const state = query.get("state") ?? "";
  const wanted = text.trim().toLowerCase();
  const fits = (/** @type {Rule} */ rule) =>
    (!state || states[state]?.(rule)) && (!wanted || [rule.id, rule.kind, eventWords(rule.on), t(`audience.${rule.audience}`), rule.condition ?? ""].some((part) => part.toLowerCase().includes(wanted)));
  const found = (page.data ?? []).filter(fits);
  return html`
    <header class="page-head row wrap between"><div class="grow"><h1>${t("rules.title")}</h1><p class="soft">${t("rules.lead")}</p></div>
      <a class="button" href="/admin/new-rule"><${Icon} name="plus" size=${18} />${t("rules.add")}</a></header>
    <form class="filters" role="search" aria-label=${t("rules.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Field} label=${t("rules.text")} type="search" value=${text} onInput=${(/** @type {any} */ event) => setQuery({ query: event.target.value })} />
      <${Field} as="select" label=${t("rules.state")} value=${state} onChange=${(/** @type {any} */ event) => setQuery({ state: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${Object.keys(states).map((one) => html`<option key=${one} value=${one}>${t(`rule_state.${one}`)}</option>`)}
      <//>
    </form>
    ${page.loading && html`<${Skeleton} rows=${6} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && !found.length && html`<${Empty} icon="rules" title=${t("rules.none")} text=${t("bookings.none_text")} />`}
    <div class="stack">${EVENT_TYPES.filter((type) => found.some((rule) => rule.on === type)).map((type) => html`<section key=${type} aria-labelledby=${`on-${type}`}>
      <h2 id=${`on-${type}`} class="group-title">${eventWords(type)} <span class="soft hint">${type}</span></h2>
      <ul class="table">${found.filter((rule) => rule.on === type).map((rule) => html`<${Row} key=${rule.id} rule=${rule} />`)}</ul>
    </section>`)}</div>`;
}

/** @param {{rule: Rule}} props */
const Row = ({ rule }) => html`<li class=${rule.enabled ? "table-row" : "table-row off"}>
  <div class="grow">
    <a class="row-title" href=${`/admin/rules/${rule.id}`}>${t("rules.tells", { audience: t(`audience.${rule.audience}`) })}</a>
    ${rule.kind !== rule.on && html`<p class="soft">${t("rules.kind")}: ${rule.kind}</p>`}
    <p class="soft">${waysOf(rule)}${rule.delay_minutes > 0 && ` · ${t("rules.after", { n: rule.delay_minutes })}`}</p>
    ${rule.condition && html`<p class="soft">${t("rules.if")} <code>${rule.condition}</code></p>`}
  </div>
  <div class="row wrap">
    ${rule.critical && html`<span class="badge missed">${t("rules.critical")}</span>`}
    ${rule.edited && html`<span class="badge completed">${t("rule_state.edited")}</span>`}
    ${rule.edited === null && html`<span class="badge completed">${t("rule_state.own")}</span>`}
    <span class=${`badge ${rule.enabled ? "confirmed" : "cancelled"}`}>${t(rule.enabled ? "rule_state.on" : "rule_state.off")}</span>
  </div>
</li>`;
