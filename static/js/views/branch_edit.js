// A branch as its manager and administrators edit it: what it says of itself, its hours, and how it is booked.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { runs } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { BranchSettingsForm, asSettings, asSettingsText } from "../parts/branch_settings.js";
import { BranchDates } from "../parts/branch_dates.js";
import { Field, FormError, phoneNumber, useForm, useUnsaved, useWishKey } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { WeekHours } from "../parts/week_hours.js";
import { ZoneField } from "../parts/zone.js";
import { go } from "../router.js";
import { user } from "../session.js";
import { say } from "../store.js";
import { deviceZone } from "../time.js";

/** @import { Branch, Override, WeeklyInterval } from "../types.js" */

/** @returns {Branch} */
const fresh = () => ({
  id: "",
  name: "",
  address: "",
  phone: null,
  time_zone: deviceZone(),
  active: true,
  weekly: null,
  overrides: [],
  settings: { default_minutes: 60, horizon_days: 7, min_notice_minutes: 30, queue_timeout_minutes: 120, most_waiting: 50, offer_minutes: 5, max_load: 3, presence_minutes: 60, strategy: "smart", half_life_days: 14 },
  rating: null,
  review_count: 0,
  version: 0,
});

/** @param {{params: {id?: string}}} props */
export default function BranchEdit({ params: { id } }) {
  const page = useLoad(async () => (id ? await api.read(`/branches/${id}`) : { data: fresh(), etag: null }), [id]);
  if (page.loading) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (page.error || !page.data) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;
  if (!runs(id)) return html`<${Empty} page icon="ban" title=${t("denied.title")} text=${t("denied.text")}><a class="button" href="/branches">${t("branches.title")}</a><//>`;
  return html`<${BranchForm} key=${page.data.etag} branch=${/** @type {Branch} */ (page.data.data)} etag=${page.data.etag} onSaved=${page.refresh} />`;
}

/** @param {Branch} branch */
const asText = (branch) => ({
  name: branch.name,
  address: branch.address,
  phone: branch.phone ?? "",
  time_zone: branch.time_zone,
  active: branch.active,
  own: branch.weekly !== null,
  weekly: branch.weekly ?? [],
  overrides: branch.overrides,
  settings: asSettingsText(branch.settings),
});

/** @param {{branch: Branch, etag: string | null, onSaved: () => void}} props */
function BranchForm({ branch, etag, onSaved }) {
  const form = useForm(asText(branch));
  const keyOf = useWishKey();
  const { values } = form;
  const [kept] = useState(JSON.stringify(values));
  const dirty = JSON.stringify(values) !== kept;
  const title = branch.id ? branch.name : t("branches.add");
  const save = async () => {
    const body = {
      name: values.name.trim(),
      address: values.address.trim(),
      phone: phoneNumber(values.phone) || null,
      time_zone: values.time_zone,
      weekly: values.own ? values.weekly : null,
      overrides: values.overrides,
      settings: asSettings(values.settings),
    };
    if (!branch.id) {
      const made = await api.post("/branches", body, { key: keyOf(body) });
      go(`/branches/${made.id}`, { replace: true });
      return;
    }
    const active = values.active === branch.active ? {} : { active: values.active };
    await api.patch(`/branches/${branch.id}`, { ...body, ...active }, etag);
    say(t("branch.saved"), { tone: "good" });
    onSaved();
  };
  useUnsaved(dirty);
  const known = (form.problem?.body?.errors ?? []).map((/** @type {{pointer: string}} */ error) => error.pointer).filter((/** @type {string} */ pointer) => /^\/(name|address|phone|time_zone|weekly\/\d+|settings\/\w+)/.test(pointer));
  return html`
    <header class="page-head">
      <p><a class="back" href=${branch.id ? `/branches/${branch.id}` : "/branches"}><${Icon} name="left" size=${18} />${branch.id ? t("branch.view") : t("branches.title")}</a></p>
      <h1>${title}</h1>
    </header>
    <form onSubmit=${form.submit(save)} novalidate>
      <div class="columns main-aside">
        <div class="stack">
          <section class="card" aria-labelledby="branch-about">
            <h2 id="branch-about">${t("branch.about")}</h2>
            <${Field} label=${t("branch.name")} maxlength="100" required ...${form.bind("name")} />
            <${Field} as="textarea" label=${t("branch.address")} hint=${t("branch.address_hint")} rows="2" maxlength="300" ...${form.bind("address")} />
            <${Field} label=${t("auth.phone")} type="tel" hint=${t("auth.phone_hint")} optional=${t("form.optional")} ...${form.bind("phone")} />
            <${ZoneField} label=${t("branch.zone")} hint=${t("schedule.zone_hint")} ...${form.bind("time_zone")} />
            ${branch.id && user.value?.role === "admin" && html`<label class="check"><input type="checkbox" name="active" checked=${values.active} onChange=${(/** @type {any} */ event) => form.set({ active: event.target.checked })} /><span>${t("branch.active")}</span></label>`}
          </section>
          <section class="card" aria-labelledby="branch-week">
            <h2 id="branch-week">${t("schedule.hours")}</h2>
            <p class="soft">${t("branch.hours_lead")}</p>
            <label class="check"><input type="checkbox" name="own" checked=${values.own} onChange=${(/** @type {any} */ event) => form.set({ own: event.target.checked })} /><span>${t("branch.own_hours")}</span></label>
            ${values.own && html`<${WeekHours} weekly=${values.weekly} problem=${form.problem} onChange=${(/** @type {WeeklyInterval[]} */ weekly) => form.set({ weekly })} />`}
          </section>
        </div>
        <div class="stack">
          <section class="card" aria-labelledby="branch-booking">
            <h2 id="branch-booking">${t("branch.settings")}</h2>
            <${BranchSettingsForm} settings=${values.settings} problem=${form.problem} onChange=${(/** @type {any} */ settings) => form.set({ settings })} />
          </section>
          <${BranchDates} zone=${values.time_zone} dates=${values.overrides} onChange=${(/** @type {Override[]} */ overrides) => form.set({ overrides })} />
        </div>
      </div>
      <div class="save-bar">
        <${FormError} problem=${form.problem} known=${known} />
        ${known.length > 0 && html`<p class="error" role="alert">${t("schedule.look_above")}</p>`}
        <div class="actions"><button class="button primary" disabled=${form.busy || !dirty}>${t("action.save")}</button>${dirty && html`<span class="hint">${t("schedule.unsaved")}</span>`}</div>
      </div>
    </form>`;
}
