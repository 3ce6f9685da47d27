// Accounts: find one, change its role, switch it off and on.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Avatar } from "../parts/avatar.js";
import { Dialog } from "../parts/dialog.js";
import { Download } from "../parts/download.js";
import { EraseSomebody } from "../parts/erase.js";
import { Field } from "../parts/form.js";
import { SearchField } from "../parts/search_field.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { setQuery } from "../router.js";
import { attempt } from "../run.js";
import { user } from "../session.js";
import { say } from "../store.js";

/** @import { Page, User } from "../types.js" */

const roles = ["user", "expert", "manager", "admin"];

/** @param {{query: URLSearchParams}} props */
export default function People({ query }) {
  const text = query.get("query") ?? "";
  const role = query.get("role") ?? "";
  const [asking, setAsking] = useState(/** @type {{person: User, change: Partial<User>} | null} */ (null));
  const [erasing, setErasing] = useState(/** @type {User | null} */ (null));
  const pages = usePages((after, limit) => /** @type {Promise<Page<User>>} */ (api.get("/admin/users", { query: text, role, after, limit })), [text, role]);

  const change = async () => {
    if (!asking) return;
    const { person, change: wanted } = asking;
    setAsking(null);
    const done = await attempt(async () => {
      const changed = await api.patch(`/admin/users/${person.id}`, wanted);
      pages.change((items) => items.map((one) => (one.id === person.id ? { ...one, ...changed } : one)));
      say(t("people.changed", { name: person.name }), { tone: "good" });
    });
    // What was chosen in its row goes back to how it is.
    if (!done) pages.change((items) => [...items]);
  };
  return html`
    <header class="page-head row wrap between"><h1>${t("people.title")}</h1><${Download} path="/admin/users.csv" query=${{ query: text, role }} name="people.csv" label=${t("weekly.file")} /></header>
    <form class="filters" role="search" aria-label=${t("people.filters")} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${SearchField} label=${t("people.text")} value=${text} />
      <${Field} as="select" label=${t("people.role")} value=${role} onChange=${(/** @type {any} */ event) => setQuery({ role: event.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${roles.map((one) => html`<option key=${one} value=${one}>${t(`role.${one}`)}</option>`)}
      <//>
    </form>
    ${pages.loading && html`<${Skeleton} rows=${6} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="people" title=${t("people.none")} text=${t("bookings.none_text")} />`}
    ${pages.items.length > 0 && html`<ul class="table">${pages.items.map((person) => html`<${Person} key=${person.id} person=${person} onAsk=${(/** @type {Partial<User>} */ wanted) => setAsking({ person, change: wanted })} onErase=${() => setErasing(person)} />`)}</ul><${More} pages=${pages} />`}
    ${erasing && html`<${EraseSomebody} person=${erasing} onClose=${() => setErasing(null)} onDone=${() => (setErasing(null), pages.refresh())} />`}
    ${asking && html`<${Dialog} title=${asking.person.name} onClose=${() => setAsking(null)}>
      <p>${asking.change.role ? t("people.ask_role", { name: asking.person.name, role: t(`role.${asking.change.role}`) }) : t(asking.change.disabled ? "people.ask_disable" : "people.ask_enable", { name: asking.person.name })}</p>
      <div class="actions"><button class=${asking.change.disabled ? "button danger" : "button primary"} type="button" onClick=${change}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(null)}>${t("action.back")}</button></div>
    <//>`}`;
}

/** @param {{person: User, onAsk: (change: Partial<User>) => void, onErase: () => void}} props */
function Person({ person, onAsk, onErase }) {
  const self = person.id === user.value?.id;
  const pickRole = (/** @type {any} */ event) => {
    const wanted = event.target.value;
    // The list shows what is true; the new role appears once it is.
    event.target.value = person.role;
    onAsk({ role: wanted });
  };
  return html`<li class=${person.disabled ? "table-row off" : "table-row"}>
    <${Avatar} name=${person.name} url=${person.avatar_url} size="s" />
    <div class="grow"><p class="strong">${person.name}${person.disabled && html` <span class="badge cancelled">${t("people.disabled")}</span>`}</p><p class="soft">${person.email}</p></div>
    <select class="input role" aria-label=${t("people.role_of", { name: person.name })} value=${person.role} disabled=${self} onChange=${pickRole}>
      ${roles.map((one) => html`<option key=${one} value=${one}>${t(`role.${one}`)}</option>`)}
    </select>
    <button class="button small" type="button" disabled=${self} aria-label=${t(person.disabled ? "people.enable_one" : "people.disable_one", { name: person.name })} onClick=${() => onAsk({ disabled: !person.disabled })}>${t(person.disabled ? "people.enable" : "people.disable")}</button>
    <button class="button small quiet-danger" type="button" disabled=${self} aria-label=${t("erase.one", { name: person.name })} onClick=${onErase}>${t("erase.button")}</button>
  </li>`;
}
