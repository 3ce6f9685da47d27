// The schedule editor: weekly hours and rules in one form, exceptions beside it, and what it all gives.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Desk } from "../parts/desk.js";
import { ExplainedDayCard } from "../parts/explained_day.js";
import { FormError, useForm, useUnsaved } from "../parts/form.js";
import { HolidaysCard } from "../parts/holidays.js";
import { Imports } from "../parts/imports.js";
import { Overrides } from "../parts/overrides.js";
import { RulesForm, asRules, asText } from "../parts/rules_form.js";
import { SlotPreview } from "../parts/slot_preview.js";
import { Failed, Skeleton } from "../parts/states.js";
import { TimeOffList } from "../parts/time_off.js";
import { WeekHours } from "../parts/week_hours.js";
import { ZoneField } from "../parts/zone.js";
import { say } from "../store.js";

/** @import { Expert, Schedule } from "../types.js" */

/** @param {{query: URLSearchParams}} props */
export default ({ query }) => html`<${Desk} query=${query} title=${t("schedule.title")}>${(/** @type {Expert} */ expert, /** @type {any} */ picker) => html`<${Editor} key=${expert.id} expert=${expert} picker=${picker} />`}<//>`;

/** @param {{expert: Expert, picker: any}} props */
function Editor({ expert, picker }) {
  const page = useLoad(() => api.get(`/experts/${expert.id}/schedule`), [expert.id]);
  // A change beside the form is told by the socket; without one, the preview is read anew by its key.
  const [round, setRound] = useState(0);
  const again = () => setRound((n) => n + 1);
  return html`
    <header class="page-head"><h1>${t("schedule.title")}</h1><p class="soft">${t("schedule.lead")}</p>${picker}</header>
    ${page.loading && html`<${Skeleton} rows=${5} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`<div class="columns main-aside">
      <div class="stack"><${HoursForm} expert=${expert} schedule=${page.data} onSaved=${(/** @type {Schedule} */ saved) => {
        page.set(saved);
        again();
      }} /></div>
      <div class="stack">
        <${SlotPreview} key=${round} expertId=${expert.id} timeZone=${page.data.time_zone} lengths=${page.data.booking_rules.minutes} />
        <${ExplainedDayCard} key=${`why${round}`} expert=${{ ...expert, time_zone: page.data.time_zone }} lengths=${page.data.booking_rules.minutes} />
        <${Overrides} expert=${{ ...expert, time_zone: page.data.time_zone }} onChange=${again} />
        <${Imports} expert=${{ ...expert, time_zone: page.data.time_zone }} onChange=${again} />
        <${HolidaysCard} expert=${expert} schedule=${page.data} onChange=${again} />
        <${TimeOffList} expert=${{ ...expert, time_zone: page.data.time_zone }} onChange=${again} />
      </div>
    </div>`}`;
}

/** @param {{expert: Expert, schedule: Schedule, onSaved: (schedule: Schedule) => void}} props */
function HoursForm({ expert, schedule, onSaved }) {
  const form = useForm({ time_zone: schedule.time_zone, weekly: schedule.weekly, rules: asText(schedule.booking_rules) });
  const { time_zone, weekly, rules } = form.values;
  const wanted = JSON.stringify({ time_zone, weekly, rules });
  const [kept, setKept] = useState(wanted);
  const dirty = wanted !== kept;
  const save = async () => {
    /** @type {Schedule} */
    const saved = await api.put(`/experts/${expert.id}/schedule`, { time_zone, weekly, booking_rules: asRules(rules) });
    form.set({ time_zone: saved.time_zone, weekly: saved.weekly, rules: asText(saved.booking_rules) });
    setKept(JSON.stringify({ time_zone: saved.time_zone, weekly: saved.weekly, rules: asText(saved.booking_rules) }));
    onSaved(saved);
    say(t("schedule.saved"), { tone: "good" });
  };
  useUnsaved(dirty);
  const shownElsewhere = (/** @type {{pointer: string}} */ error) => /^\/(weekly\/\d+|booking_rules\/\w+|time_zone)/.test(error.pointer);
  const known = (form.problem?.body?.errors ?? []).filter(shownElsewhere).map((/** @type {{pointer: string}} */ error) => error.pointer);
  return html`<form onSubmit=${form.submit(save)} novalidate>
    <section class="card" aria-labelledby="hours">
      <h2 id="hours">${t("schedule.hours")}</h2>
      <${ZoneField} label=${t("schedule.zone")} hint=${t("schedule.zone_hint")} ...${form.bind("time_zone")} />
      <${WeekHours} weekly=${weekly} problem=${form.problem} onChange=${(/** @type {Schedule["weekly"]} */ next) => form.set({ weekly: next })} />
    </section>
    <section class="card" aria-labelledby="rules">
      <h2 id="rules">${t("schedule.rules")}</h2>
      <${RulesForm} rules=${rules} problem=${form.problem} onChange=${(/** @type {any} */ next) => form.set({ rules: next })} />
    </section>
    <div class="save-bar">
      <${FormError} problem=${form.problem} known=${known} />
      ${known.length > 0 && html`<p class="error" role="alert">${t("schedule.look_above")}</p>`}
      <div class="actions"><button class="button primary" disabled=${form.busy || !dirty}>${t("action.save")}</button>${dirty && html`<span class="hint">${t("schedule.unsaved")}</span>`}</div>
    </div>
  </form>`;
}
