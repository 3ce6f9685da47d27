// Whose public holidays an expert takes off, and which of them are worked nevertheless.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { locale, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { useRun } from "../run.js";
import { formatDate } from "../time.js";
import { Field } from "./form.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Expert, Holiday, Holidays, Region, Schedule } from "../types.js" */

/** Holidays that are shown at first. */
const FEW = 6;

/** What a region is called: a country in the reader's words, a part of one as it calls itself. @param {Region} region */
function nameOf({ code, name }) {
  const country = new Intl.DisplayNames([locale.value], { type: "region" }).of(code.slice(0, 2)) ?? code;
  return name ? `${country} – ${name}` : country;
}

/** A holiday's name in the reader's language, where it is known. @param {Holiday} day @param {string | null} region */
const dayName = (day, region) => (day.local_name && locale.value === (region === "VN" ? "vi" : "zh") ? day.local_name : day.name);

/** The weekly hours of a date, as those of an exception. @param {Schedule} schedule @param {string} date */
function usualHours(schedule, date) {
  const weekday = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"][new Date(`${date}T00:00:00Z`).getUTCDay()];
  return schedule.weekly.filter((one) => one.weekday === weekday).map(({ from, until }) => ({ from, until }));
}

/** @param {{expert: Expert, schedule: Schedule, onChange: () => void}} props */
export function HolidaysCard({ expert, schedule, onChange }) {
  const path = `/experts/${expert.id}/holidays`;
  const page = useLoad(() => /** @type {Promise<Holidays>} */ (api.get(path)), [expert.id]);
  const [all, setAll] = useState(false);
  const [busy, begin] = useRun();
  const run = async (/** @type {() => Promise<void>} */ work) => {
    if (await begin(work)) onChange();
  };
  const choose = (/** @type {string} */ region) => run(async () => page.set(await api.put(path, { region: region || null })));
  const toggle = (/** @type {Holiday} */ day) =>
    run(async () => {
      const override = `/experts/${expert.id}/overrides/${day.date}`;
      if (day.worked) await api.delete(override);
      else await api.put(override, { intervals: usualHours(schedule, day.date) });
      page.refresh();
    });
  const regions = (page.data?.regions ?? []).map((one) => ({ code: one.code, name: nameOf(one) })).sort((a, b) => a.name.localeCompare(b.name, locale.value));
  const days = page.data?.days ?? [];
  return html`<section class="card" aria-labelledby="holidays">
    <h2 id="holidays">${t("holidays.title")}</h2>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`
      <${Field} as="select" label=${t("holidays.region")} hint=${page.data.region ? undefined : t("holidays.hint")} value=${page.data.region ?? ""} disabled=${busy} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
        <option value="">${t("holidays.none")}</option>
        ${regions.map((one) => html`<option key=${one.code} value=${one.code}>${one.name}</option>`)}
      <//>
      ${days.length > 0 && html`<ul class="plain-list">${days.slice(0, all ? undefined : FEW).map((day) => html`<li class="row between" key=${day.date} data-holiday=${day.date}>
        <span><strong>${formatDate(day.date, { weekday: "short", day: "numeric", month: "short", year: "numeric" })}</strong><br /><span class="soft">${dayName(day, page.data?.region ?? null)}</span></span>
        ${(day.worked || usualHours(schedule, day.date).length > 0) && html`<button class="button small" type="button" disabled=${busy} aria-pressed=${day.worked ? "true" : "false"} onClick=${() => toggle(day)}>${t(day.worked ? "holidays.worked" : "holidays.work")}<span class="sr-only">, ${formatDate(day.date)}</span></button>`}
      </li>`)}</ul>`}
      ${days.length > FEW && !all && html`<button class="link-button" type="button" onClick=${() => setAll(true)}>${t("holidays.more", { n: days.length - FEW })}</button>`}`}
  </section>`;
}
