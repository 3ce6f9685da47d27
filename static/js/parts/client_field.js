// For whom it is, where staff do something for a client: found by name or address. Administrators look among all people,
// a manager among those who have bookings in the branch.
import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { user } from "../session.js";
import { Field } from "./form.js";
import { explain } from "./states.js";

/** @import { Booking, Ref, User } from "../types.js" */

const TYPING_MS = 300;
const MOST = 8;

/** @param {string} text @returns {Promise<Ref[]>} */
async function find(text) {
  if (user.value?.role === "admin") {
    const page = await api.get("/admin/users", { query: text, limit: MOST });
    return page.items.map((/** @type {User} */ one) => ({ id: one.id, name: `${one.name} · ${one.email}` }));
  }
  const page = await api.get("/bookings", { query: text, limit: 100 });
  return [...new Map(page.items.map((/** @type {Booking} */ one) => [one.client.id, one.client])).values()].slice(0, MOST);
}

/** @param {{label: string, value: Ref | null, error?: string, onChange: (client: Ref | null) => void}} props */
export function ClientField({ label, value, error, onChange }) {
  const id = useId();
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState(/** @type {Ref[] | null} */ (null));
  const [fault, setFault] = useState("");
  useEffect(() => {
    const text = typed.trim();
    setFound(null);
    if (!text || value) return;
    let current = true;
    const timer = setTimeout(() => {
      find(text).then(
        (list) => current && (setFault(""), setFound(list)),
        (reason) => current && setFault(explain(reason)),
      );
    }, TYPING_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [typed, value]);
  if (value) {
    return html`<div class="field"><span class="label">${label}</span>
      <p class="row wrap between chosen"><strong>${value.name}</strong><button class="link-button" type="button" onClick=${() => onChange(null)}>${t("client.other")}</button></p>
      ${error && html`<p class="error" role="alert">${error}</p>`}</div>`;
  }
  return html`<div class="client-field">
    <${Field} label=${label} type="search" maxlength="100" hint=${t("client.hint")} error=${error || fault} value=${typed} aria-controls=${id} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
    <ul class="client-choices" id=${id} aria-live="polite">
      ${found?.length === 0 && html`<li class="soft">${t("client.none")}</li>`}
      ${found?.map((one) => html`<li key=${one.id}><button class="button small" type="button" onClick=${() => onChange(one)}>${one.name}</button></li>`)}
    </ul>
  </div>`;
}
