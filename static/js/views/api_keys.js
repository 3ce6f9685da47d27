// Keys by which machines act for an administrator: make one, see what it may and when it was last used, end it.
import { useState } from "preact/hooks";
import { api, now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Dialog } from "../parts/dialog.js";
import { Field, FormError, useForm, useWishKey } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { SecretOnce } from "../parts/secret_once.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { Ago, When } from "../parts/time.js";
import { attempt } from "../run.js";
import { user } from "../session.js";
import { say } from "../store.js";

/** @import { ApiKey, Page } from "../types.js" */

const DAY_MS = 86_400_000;
const lengths = [30, 90, 365];

/** Scopes by noun, in the order in which they are offered. @type {[string, string[]][]} */
const scopes = [
  ["bookings", ["read", "write"]],
  ["experts", ["read", "write"]],
  ["people", ["read", "write"]],
  ["messages", ["read", "write"]],
  ["settings", ["read", "write"]],
  ["audit", ["read"]],
  ["inbox", ["read", "write"]],
  ["profile", ["read", "write"]],
  ["live", ["read"]],
];

/** @param {string} scope */
const scopeWords = (scope) => t(`scope.${scope.replace(":", "_")}`);

/** @param {ApiKey} key @returns {"ended" | "over" | "works"} */
const stateOf = (key) => (key.revoked_at ? "ended" : key.expires_at && Date.parse(key.expires_at) <= now() ? "over" : "works");

/** @type {Record<ReturnType<typeof stateOf>, string>} */
const tones = { works: "confirmed", over: "missed", ended: "cancelled" };

export default function ApiKeys() {
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState(/** @type {ApiKey | null} */ (null));
  const pages = usePages((after, limit) => /** @type {Promise<Page<ApiKey>>} */ (api.get("/admin/api-keys", { after, limit })), []);
  const end = async () => {
    if (!ending) return;
    setEnding(null);
    await attempt(async () => {
      await api.delete(`/admin/api-keys/${ending.id}`);
      say(t("api_keys.ended", { name: ending.name }), { tone: "good" });
      pages.refresh();
    });
  };
  return html`
    <header class="page-head row wrap between"><div class="grow"><h1>${t("api_keys.title")}</h1><p class="soft">${t("api_keys.lead")}</p></div>
      <button class="button primary" type="button" onClick=${() => setMaking(true)}><${Icon} name="plus" size=${18} />${t("api_keys.make")}</button></header>
    ${pages.loading && html`<${Skeleton} rows=${4} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="key" title=${t("api_keys.none")} text=${t("api_keys.none_text")} />`}
    ${pages.items.length > 0 && html`<ul class="table">${pages.items.map((key) => html`<${Row} key=${key.id} one=${key} onEnd=${() => setEnding(key)} />`)}</ul><${More} pages=${pages} />`}
    ${making && html`<${Making} onClose=${() => setMaking(false)} onMade=${pages.refresh} />`}
    ${ending && html`<${Dialog} title=${t("api_keys.end_title", { name: ending.name })} onClose=${() => setEnding(null)}>
      <p>${t("api_keys.end_text")}</p>
      <div class="actions"><button class="button danger" type="button" onClick=${end}>${t("api_keys.end")}</button><button class="button" type="button" onClick=${() => setEnding(null)}>${t("action.back")}</button></div>
    <//>`}`;
}

/** @param {{one: ApiKey, onEnd: () => void}} props */
function Row({ one, onEnd }) {
  const state = stateOf(one);
  return html`<li class=${state === "works" ? "table-row" : "table-row off"}>
    <div class="grow">
      <p><strong>${one.name}</strong> <code>${one.prefix}…</code></p>
      <p class="soft">${one.scopes.map(scopeWords).join(", ")}</p>
      <p class="soft hint">
        ${t("api_keys.made")} <${Ago} at=${one.created_at} /> ·${" "}
        ${one.last_used_at ? html`${t("api_keys.used")} <${Ago} at=${one.last_used_at} />` : t("api_keys.never_used")}
        ${one.expires_at && state !== "ended" && html` · ${t(state === "over" ? "api_keys.was_over" : "api_keys.is_over")} <${When} at=${one.expires_at} />`}
        ${" · "}<a href=${`/admin/audit?api_key_id=${one.id}`}>${t("api_keys.did")}</a>
      </p>
      ${state === "works" && one.user_id !== user.value?.id && html`<p class="soft hint">${t("api_keys.of_other")}</p>`}
    </div>
    <span class=${`badge ${tones[state]}`}>${t(`api_key_state.${state}`)}</span>
    ${state === "works" && html`<button class="button small" type="button" aria-label=${t("api_keys.end_one", { name: one.name })} onClick=${onEnd}>${t("api_keys.end")}</button>`}
  </li>`;
}

/** @param {{onClose: () => void, onMade: () => void}} props */
function Making({ onClose, onMade }) {
  const form = useForm({ name: "", scopes: /** @type {string[]} */ ([]), days: "90" });
  // One moment for all tries, so that a retry asks for the very same.
  const [opened] = useState(now);
  const keyOf = useWishKey();
  const [made, setMade] = useState(/** @type {ApiKey | null} */ (null));
  const send = form.submit(async ({ name, scopes: chosen, days }) => {
    const wanted = { name, scopes: chosen, expires_at: days ? new Date(opened + Number(days) * DAY_MS).toISOString() : undefined };
    setMade(await api.post("/admin/api-keys", wanted, { key: keyOf(wanted) }));
    onMade();
  });
  const toggle = (/** @type {string} */ scope) =>
    form.set({ scopes: form.values.scopes.includes(scope) ? form.values.scopes.filter((one) => one !== scope) : [...form.values.scopes, scope] });
  if (made) return html`<${Made} made=${made} onClose=${onClose} />`;
  const fault = form.problem?.at?.("/scopes");
  return html`<${Dialog} title=${t("api_keys.make")} onClose=${onClose} wide>
    <form class="stack" onSubmit=${send}>
      <${FormError} problem=${form.problem} known=${["/name", "/scopes", "/expires_at"]} />
      <${Field} label=${t("api_keys.name")} hint=${t("api_keys.name_hint")} required maxlength="100" ...${form.bind("name")} />
      <fieldset class="scopes" aria-describedby=${fault ? "scopes-error" : undefined}>
        <legend>${t("api_keys.scopes")}</legend>
        ${scopes.map(([noun, verbs]) => html`<div class="scope-row" key=${noun}>${verbs.map((verb) => {
          const scope = `${noun}:${verb}`;
          return html`<label class="check" key=${scope}><input type="checkbox" checked=${form.values.scopes.includes(scope)} onChange=${() => toggle(scope)} /><span>${scopeWords(scope)}</span></label>`;
        })}</div>`)}
        ${fault && html`<p class="error" id="scopes-error" role="alert">${fault}</p>`}
      </fieldset>
      <${Field} as="select" label=${t("api_keys.lasts")} error=${form.problem?.at?.("/expires_at")} value=${form.values.days} onChange=${(/** @type {any} */ event) => form.set({ days: event.target.value })}>
        ${lengths.map((days) => html`<option key=${days} value=${days}>${t("api_keys.days", { n: days })}</option>`)}<option value="">${t("api_keys.for_ever")}</option>
      <//>
      <p class="hint">${t("api_keys.rights")}</p>
      <div class="actions"><button class="button primary" type="submit" disabled=${form.busy}>${t("api_keys.make")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>
  <//>`;
}

/** The only moment at which the key is seen. @param {{made: ApiKey, onClose: () => void}} props */
const Made = ({ made, onClose }) => html`<${Dialog} title=${t("api_keys.made_title", { name: made.name })} onClose=${onClose} wide>
  <div class="stack">
    ${made.key
      ? html`<${SecretOnce} secret=${made.key} label=${t("api_keys.key")} lead=${t("api_keys.once")}><button class="button" type="button" onClick=${onClose}>${t("api_keys.kept")}</button><//>
        <pre tabindex="0">curl -H "Authorization: Bearer ${made.key}" ${location.origin}/api/v1/me</pre>`
      : html`<p class="notice bad" role="alert">${t("api_keys.lost")}</p><div class="actions"><button class="button" type="button" onClick=${onClose}>${t("api_keys.kept")}</button></div>`}
  </div>
<//>`;
