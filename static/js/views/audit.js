// Who changed what: every change of those who run the house, with how it was and how it is. The filters are the address.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Difference } from "../parts/difference.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { When } from "../parts/time.js";
import { spoken } from "../parts/trace.js";
import { setQuery } from "../router.js";
import { addDays } from "../time.js";

/** @import { AuditEntry, Page } from "../types.js" */

const nouns = ["user", "branch", "settings", "rule", "template", "webhook", "api_key", "delivery", "deliveries", "event", "suppression"];

/** @param {{query: URLSearchParams}} props */
export default function Audit({ query }) {
  const one = (/** @type {string} */ name) => query.get(name) ?? "";
  const [text, action, subject, from, until, actor, machine] = ["query", "action", "subject", "from", "until", "actor_id", "api_key_id"].map(one);
  // The last day is meant whole.
  const before = until ? addDays(until, 1) : "";
  const pages = usePages(
    (after, limit) => /** @type {Promise<Page<AuditEntry>>} */ (api.get("/admin/audit", { query: text, action, subject, from, until: before, actor_id: actor, api_key_id: machine, after, limit })),
    [text, action, subject, from, until, actor, machine],
  );
  const first = pages.items[0];
  const chips = [
    actor && { name: "actor_id", words: t("audit.by", { name: first?.actor?.name ?? "…" }) },
    machine && { name: "api_key_id", words: t("audit.by_key", { name: first?.api_key?.name ?? "…" }) },
    subject && { name: "subject", words: subject },
  ];
  return html`
    <header class="page-head"><h1>${t("audit.title")}</h1><p class="soft">${t("audit.lead")}</p></header>
    <form class="filters" role="search" aria-label=${t("audit.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("audit.text")} value=${text} />
      <${Field} as="select" label=${t("audit.noun")} value=${action} onChange=${(/** @type {any} */ event) => setQuery({ action: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${nouns.map((noun) => html`<option key=${noun} value=${noun}>${t(`audit_noun.${noun}`)}</option>`)}
        ${action.includes(".") && html`<option value=${action}>${actionWords(action)}</option>`}
      <//>
      <${Field} label=${t("bookings.from")} type="date" value=${from} max=${until || undefined} onChange=${(/** @type {any} */ event) => setQuery({ from: event.target.value })} />
      <${Field} label=${t("bookings.until")} type="date" value=${until} min=${from || undefined} onChange=${(/** @type {any} */ event) => setQuery({ until: event.target.value })} />
    </form>
    ${chips.some(Boolean) && html`<p class="chips">${chips.map((chip) => chip && html`<button key=${chip.name} class="chip" type="button" aria-label=${t("audit.drop", { what: chip.words })} onClick=${() => setQuery({ [chip.name]: null })}>${chip.words}<${Icon} name="cross" size=${14} /></button>`)}</p>`}
    ${pages.loading && html`<${Skeleton} rows=${6} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="audit" title=${t("audit.none")} text=${t(query.size ? "bookings.none_text" : "audit.none_text")} />`}
    ${pages.items.length > 0 && html`<ol class="table audit">${pages.items.map((entry) => html`<${Row} key=${entry.id} entry=${entry} />`)}</ol><${More} pages=${pages} />`}`;
}

/** @param {string} action */
const actionWords = (action) => spoken(t(`audited.${action.replace(".", "_")}`), action.replace(".", "_")).replace("_", " ");

/** Where the subject has a page. @param {string} subject */
function pageOf(subject) {
  const [noun, ...rest] = subject.split("/");
  const id = rest.join("/");
  if (noun === "rule") return `/admin/rules/${id}`;
  if (noun === "template") return `/admin/texts/${id}`;
  if (noun === "delivery") return `/admin/outbox?open=${id}`;
  if (noun === "webhook") return `/admin/webhooks/${id}`;
  if (noun === "suppression") return `/admin/suppressions?query=${encodeURIComponent(rest.slice(1).join("/"))}`;
  if (noun === "api_key") return "/admin/api-keys";
  if (noun === "settings") return "/admin/settings";
  return null;
}

/** @param {{entry: AuditEntry}} props */
function Row({ entry }) {
  const { actor, api_key: key, subject } = entry;
  const page = pageOf(subject);
  return html`<li class="audit-entry">
    <div class="row wrap between">
      <p><strong>${actionWords(entry.action)}</strong> <span class="soft">${page ? html`<a href=${page}>${subject}</a>` : subject}</span></p>
      <p class="soft hint"><${When} at=${entry.at} /></p>
    </div>
    <p class="soft hint">
      ${actor ? html`<button class="link-button" type="button" aria-label=${t("audit.only_by", { name: actor.name })} onClick=${() => setQuery({ actor_id: actor.id })}>${actor.name}</button>` : t("audit.system")}
      ${key && html` · <button class="link-button" type="button" aria-label=${t("audit.only_by_key", { name: key.name })} onClick=${() => setQuery({ api_key_id: key.id })}>${t("audit.by_key", { name: key.name })}</button>`}
      ${" · "}<button class="link-button" type="button" aria-label=${t("audit.only_of", { subject })} onClick=${() => setQuery({ subject })}>${t("audit.history")}</button>
    </p>
    <${Difference} before=${entry.before} after=${entry.after} />
  </li>`;
}
