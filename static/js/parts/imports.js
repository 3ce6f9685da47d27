// Calendars that an expert keeps elsewhere: named, read in the background, with what came of it.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { attempt } from "../run.js";
import { formatWhen } from "../time.js";
import { Dialog } from "./dialog.js";
import { Choice, Field, FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { Ago } from "./time.js";

/** @import { CalendarImport, Expert } from "../types.js" */

/** How often it is looked whether a reading has ended, in milliseconds. */
const LOOK = 2000;
/** What is known of why a calendar cannot be read. */
const FAULTS = ["unreachable", "too_slow", "unauthorized", "not_found", "limited", "server_error", "refused", "too_large", "too_much", "too_many_redirects", "forbidden_address", "not_a_calendar", "not_caldav", "no_calendars", "unreadable"];

/** When something was last heard of a calendar. @param {CalendarImport | undefined} one */
const heard = (one) => Math.max(Date.parse(one?.read_at ?? "") || 0, Date.parse(one?.failed_at ?? "") || 0);

/** @param {{expert: Expert, onChange: () => void}} props */
export function Imports({ expert, onChange }) {
  const path = `/experts/${expert.id}/imports`;
  const page = useLoad(async () => /** @type {CalendarImport[]} */ ((await api.get(path)).items), [expert.id]);
  const [adding, setAdding] = useState(false);
  // The calendars whose next reading is waited for, with what was heard of them before.
  const [waited, setWaited] = useState(/** @type {Record<string, number>} */ ({}));
  const find = (/** @type {string} */ id) => (page.data ?? []).find((one) => one.id === id);
  // One that was just added is not in the list yet.
  const waiting = Object.keys(waited).filter((id) => heard(find(id)) <= waited[id]);
  useEffect(() => {
    if (!waiting.length) {
      if (Object.keys(waited).length) {
        setWaited({});
        onChange();
      }
      return;
    }
    const timer = setInterval(page.refresh, LOOK);
    return () => clearInterval(timer);
  }, [waiting.length, waited]);
  const refresh = (/** @type {CalendarImport} */ one) =>
    attempt(async () => {
      await api.post(`${path}/${one.id}/refresh`);
      setWaited({ ...waited, [one.id]: heard(one) });
    });
  const remove = (/** @type {CalendarImport} */ one) =>
    attempt(async () => {
      await api.delete(`${path}/${one.id}`);
      setWaited({});
      page.refresh();
      onChange();
    });
  const added = (/** @type {CalendarImport} */ one) => {
    setAdding(false);
    setWaited({ ...waited, [one.id]: 0 });
    page.refresh();
  };
  return html`<section class="card" aria-labelledby="imports">
    <h2 id="imports">${t("imports.title")}</h2>
    <p class="hint">${t("imports.hint")}</p>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data?.length === 0 && html`<p class="soft">${t("imports.none")}</p>`}
    ${page.data && page.data.length > 0 && html`<ul class="plain-list" aria-live="polite">${page.data.map((one) => html`<li key=${one.id} data-import=${one.id}>
      <div class="row between">
        <span class="import-name"><strong>${one.name}</strong><br /><span class="soft">${one.host}</span></span>
        <span class="row">
          <button class="icon-button" type="button" disabled=${waiting.includes(one.id)} aria-label=${t("imports.refresh", { name: one.name })} title=${t("imports.refresh", { name: one.name })} onClick=${() => refresh(one)}><${Icon} name="retry" size=${18} /></button>
          <button class="icon-button" type="button" aria-label=${t("imports.remove", { name: one.name })} title=${t("imports.remove", { name: one.name })} onClick=${() => remove(one)}><${Icon} name="trash" size=${18} /></button>
        </span>
      </div>
      <${State} one=${one} waiting=${waiting.includes(one.id) || (!one.read_at && !one.fault)} />
      ${one.conflicts.map((conflict) => html`<p class="error" key=${conflict.booking_id}>${t("imports.conflict", { name: conflict.client_name })} <a href=${`/bookings/${conflict.booking_id}`}>${formatWhen(conflict.starts_at, expert.time_zone)}</a></p>`)}
    </li>`)}</ul>`}
    <div class="actions"><button class="button" type="button" onClick=${() => setAdding(true)}>${t("imports.add")}</button></div>
    ${adding && html`<${AddImport} path=${path} onAdded=${added} onClose=${() => setAdding(false)} />`}
  </section>`;
}

/** How reading a calendar goes. @param {{one: CalendarImport, waiting: boolean}} props */
function State({ one, waiting }) {
  if (waiting) return html`<p class="hint">${t("imports.reading")}</p>`;
  return html`
    ${one.fault && html`<p class="error">${t(`imports.fault_${FAULTS.includes(one.fault) ? one.fault : "other"}`)}</p>`}
    ${one.read_at && html`<p class="hint">${t("imports.read")} <${Ago} at=${one.read_at} /> · ${t("imports.events", { n: one.events })}${one.odd > 0 && html` · ${t("imports.odd", { n: one.odd })}`}</p>`}`;
}

/** @param {{path: string, onAdded: (one: CalendarImport) => void, onClose: () => void}} props */
function AddImport({ path, onAdded, onClose }) {
  const form = useForm({ kind: "ics", name: "", url: "", username: "", password: "" });
  const caldav = form.values.kind === "caldav";
  const add = async () => {
    const { kind, name, url, username, password } = form.values;
    onAdded(await api.post(path, { kind, name: name.trim(), url: url.trim(), ...(username ? { username } : {}), ...(password ? { password } : {}) }));
  };
  return html`<${Dialog} title=${t("imports.add")} onClose=${onClose}>
    <form onSubmit=${form.submit(add)} novalidate>
      <${Choice} label=${t("imports.kind")} value=${form.values.kind} options=${[{ value: "ics", label: t("imports.kind_ics") }, { value: "caldav", label: t("imports.kind_caldav") }]} onChange=${(/** @type {string} */ kind) => form.set({ kind })} />
      <${Field} label=${t("imports.name")} maxlength="80" required ...${form.bind("name")} />
      <${Field} label=${t("imports.url")} type="url" inputmode="url" autocomplete="off" required hint=${t(caldav ? "imports.url_caldav" : "imports.url_ics")} ...${form.bind("url")} />
      <div class="form-grid">
        <${Field} label=${t("imports.username")} autocomplete="off" optional=${caldav ? undefined : t("form.optional")} ...${form.bind("username")} />
        <${Field} label=${t("imports.password")} type="password" autocomplete="new-password" optional=${caldav ? undefined : t("form.optional")} ...${form.bind("password")} />
      </div>
      <p class="hint">${t("imports.kept")}</p>
      <${FormError} problem=${form.problem} known=${["/name", "/url", "/username", "/password"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy || !form.values.name.trim() || !form.values.url.trim()}>${t("imports.add")}</button></div>
    </form>
  <//>`;
}
