// What administrators set for the house while it runs, and what its operator configured, to look at.
import { useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { LOCALES, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Configured } from "../parts/configured.js";
import { Field, FormError, useForm, useUnsaved } from "../parts/form.js";
import { RulesForm, asRules, asText } from "../parts/rules_form.js";
import { Failed, Skeleton } from "../parts/states.js";
import { ZoneField } from "../parts/zone.js";
import { house, say } from "../store.js";
import { formatLength } from "../time.js";

/** @import { HouseSettings } from "../types.js" */

export default function SettingsPage() {
  const page = useLoad(async () => {
    const { data, etag } = await api.read("/admin/settings");
    return { settings: /** @type {HouseSettings} */ (data), etag };
  }, []);
  return html`
    <header class="page-head"><h1>${t("settings.title")}</h1><p class="soft">${t("settings.lead")}</p></header>
    ${page.loading && html`<${Skeleton} rows=${6} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`<${SettingsForm} key=${page.data.etag} ...${page.data} onSaved=${page.set} onNewest=${page.retry} />`}
    <${Configured} />`;
}

/** @param {HouseSettings} settings */
const typed = (settings) => ({ ...settings, contact: settings.contact ?? "", rules: asText(settings.booking_rules), reminders: settings.reminder_offsets_minutes.join(", ") });

/** What is no whole number is sent as one that the server refuses at this very field. @param {string} text */
const offsets = (text) => text.split(/[\s,;]+/).filter(Boolean).map((one) => (/^\d{1,9}$/.test(one) ? Number(one) : 0));

/**
 * @param {{settings: HouseSettings, etag: string | null, onSaved: (saved: {settings: HouseSettings, etag: string | null}) => void,
 *   onNewest: () => void}} props
 */
function SettingsForm({ settings, etag, onSaved, onNewest }) {
  const form = useForm(typed(settings));
  const [kept] = useState(JSON.stringify(form.values));
  const dirty = JSON.stringify(form.values) !== kept;
  const save = async () => {
    const { name, contact, locale, time_zone, registration, guest_bookings, rules, reminders } = form.values;
    const wanted = { name, contact: contact.trim() || null, locale, time_zone, booking_rules: asRules(rules), reminder_offsets_minutes: offsets(reminders), registration, guest_bookings };
    const saved = await api.write("PUT", "/admin/settings", wanted, etag);
    house.value = { ...house.value, name: saved.data.name, contact: saved.data.contact, registration: saved.data.registration, guest_bookings: saved.data.guest_bookings };
    say(t("settings.saved"), { tone: "good" });
    onSaved({ settings: saved.data, etag: saved.etag });
  };
  useUnsaved(dirty);
  const stale = form.problem instanceof Problem && form.problem.status === 412;
  const pointers = (form.problem?.body?.errors ?? []).map((/** @type {{pointer: string}} */ one) => one.pointer);
  const reminder = pointers.find((/** @type {string} */ one) => one.startsWith("/reminder_offsets_minutes"));
  const check = (/** @type {"registration" | "guest_bookings"} */ name) => html`<label class="check"><input type="checkbox" name=${name} checked=${form.values[name]} aria-describedby=${form.problem?.at?.(`/${name}`) ? `${name}-error` : undefined}
    onChange=${(/** @type {any} */ event) => form.set({ [name]: event.target.checked })} /><span>${t(`settings.${name}`)}</span></label>
    ${form.problem?.at?.(`/${name}`) && html`<p class="error" id=${`${name}-error`} role="alert">${form.problem.at(`/${name}`)}</p>`}`;
  const spoken = offsets(form.values.reminders).filter((n) => n > 0);
  return html`<form onSubmit=${form.submit(save)} novalidate>
    <section class="card stack" aria-labelledby="house">
      <h2 id="house">${t("settings.house")}</h2>
      <div class="form-grid">
        <${Field} label=${t("settings.name")} hint=${t("settings.name_hint")} required maxlength="24" ...${form.bind("name")} />
        <${Field} label=${t("settings.contact")} hint=${t("settings.contact_hint")} optional=${t("form.optional")} maxlength="120" ...${form.bind("contact")} />
      </div>
    </section>
    <section class="card stack" aria-labelledby="accounts">
      <h2 id="accounts">${t("settings.accounts")}</h2>
      ${check("registration")}${check("guest_bookings")}
      <div class="form-grid">
        <${Field} as="select" label=${t("settings.locale")} hint=${t("settings.usual_hint")} ...${form.bind("locale")}>
          ${[...new Set([...Object.keys(LOCALES), settings.locale])].map((tag) => html`<option key=${tag} value=${tag}>${/** @type {Record<string, string>} */ (LOCALES)[tag] ?? tag}</option>`)}
        <//>
        <${ZoneField} label=${t("settings.zone")} hint=${t("settings.usual_hint")} ...${form.bind("time_zone")} />
      </div>
    </section>
    <section class="card stack" aria-labelledby="reminders">
      <h2 id="reminders">${t("settings.reminders")}</h2>
      <${Field} label=${t("settings.offsets")} hint=${t("settings.offsets_hint")} inputmode="numeric" ...${form.bind("reminders")} error=${reminder && form.problem.at(reminder)} />
      <p class="soft" aria-live="polite">${spoken.length ? t("settings.reminded", { when: spoken.map(formatLength).join(", ") }) : t("settings.not_reminded")}</p>
    </section>
    <section class="card stack" aria-labelledby="experts">
      <h2 id="experts">${t("settings.experts")}</h2>
      <p class="soft">${t("settings.experts_hint")}</p>
      <${RulesForm} rules=${form.values.rules} problem=${form.problem} onChange=${(/** @type {any} */ rules) => form.set({ rules })} />
    </section>
    <div class="save-bar">
      ${stale
        ? html`<div class="notice pending" role="alert"><p>${t("settings.stale")}</p><button class="button small" type="button" onClick=${onNewest}>${t("booking.show_newest")}</button></div>`
        : html`<${FormError} problem=${form.problem} known=${pointers} />`}
      ${pointers.length > 0 && html`<p class="error" role="alert">${t("schedule.look_above")}</p>`}
      <div class="actions"><button class="button primary" disabled=${form.busy || !dirty}>${t("action.save")}</button>${dirty && html`<span class="hint">${t("schedule.unsaved")}</span>`}</div>
    </div>
  </form>`;
}
