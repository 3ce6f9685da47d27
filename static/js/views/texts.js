// The texts people receive: by what they are about, for each channel, in one language at a time.
import { api } from "../api.js";
import { html } from "../html.js";
import { LOCALES, locale, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Field } from "../parts/form.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { spoken } from "../parts/trace.js";
import { setQuery } from "../router.js";

/** @import { Text } from "../types.js" */

const CHANNELS = ["inbox", "email", "telegram", "push", "sms"];

/** What a kind of text is about, in words where there are some. @param {string} kind */
export const kindWords = (kind) => spoken(t(`type.${kind.replace(".", "_")}`), kind.replace(".", "_")).replace(/^[a-z_]+$/, kind);

/** @type {Record<string, string>} */
const tones = { own: "completed", builtin: "confirmed", inbox: "cancelled", fallback: "cancelled" };

/** @param {{source: string}} props */
export const Source = ({ source }) => html`<span class=${`badge ${tones[source] ?? "cancelled"}`}>${t(`text_source.${source}`)}</span>`;

/** @param {{query: URLSearchParams}} props */
export default function Texts({ query }) {
  const language = query.get("language") ?? locale.value;
  const channel = query.get("channel") ?? "";
  const wanted = (query.get("query") ?? "").trim().toLowerCase();
  const page = useLoad(async () => /** @type {Text[]} */ ((await api.get("/admin/templates", { language, channel })).items), [language, channel]);
  const found = (page.data ?? []).filter((one) => !wanted || one.kind.includes(wanted) || kindWords(one.kind).toLowerCase().includes(wanted));
  const kinds = [...new Set(found.map((one) => one.kind))];
  return html`
    <header class="page-head"><h1>${t("texts.title")}</h1><p class="soft">${t("texts.lead")}</p></header>
    <form class="filters" role="search" aria-label=${t("texts.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Field} label=${t("texts.about")} type="search" value=${query.get("query") ?? ""} onInput=${(/** @type {any} */ event) => setQuery({ query: event.target.value })} />
      <${Field} as="select" label=${t("nav.language")} value=${language} onChange=${(/** @type {any} */ event) => setQuery({ language: event.target.value })}>
        ${Object.entries(LOCALES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}
      <//>
      <${Field} as="select" label=${t("outbox.channel")} value=${channel} onChange=${(/** @type {any} */ event) => setQuery({ channel: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${CHANNELS.map((one) => html`<option key=${one} value=${one}>${t(`medium.${one}`)}</option>`)}
      <//>
    </form>
    ${page.loading && html`<${Skeleton} rows=${6} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && !found.length && html`<${Empty} icon="edit" title=${t("texts.none")} text=${t("bookings.none_text")} />`}
    <div class="stack">${kinds.map((kind) => html`<section key=${kind} aria-labelledby=${`text-${kind}`}>
      <h2 id=${`text-${kind}`} class="group-title">${kindWords(kind)} <span class="soft hint">${kind}</span></h2>
      <ul class="text-list">${found.filter((one) => one.kind === kind).map((one) => html`<li key=${one.channel} class="text-tile">
        <a class="row-title" href=${`/admin/texts/${one.kind}/${one.channel}/${one.language}`}>${t(`medium.${one.channel}`)}</a><${Source} source=${one.source} />
      </li>`)}</ul>
    </section>`)}</div>`;
}
