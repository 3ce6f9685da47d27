// Holidays and other stretches off.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { attempt } from "../run.js";
import { formatWhen, instantOf, today } from "../time.js";
import { Field, FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Expert, TimeOff } from "../types.js" */

/** @param {{expert: Expert, onChange: () => void}} props */
export function TimeOffList({ expert, onChange }) {
  const zone = expert.time_zone;
  const page = useLoad(async () => (await api.get(`/experts/${expert.id}/time-off`, { limit: 100 })).items, [expert.id]);
  const form = useForm({ from: "", until: "", reason: "" });
  const changed = () => {
    page.refresh();
    onChange();
  };
  const add = async () => {
    const { from, until, reason } = form.values;
    await api.post(`/experts/${expert.id}/time-off`, {
      starts_at: instantOf(from, zone),
      ends_at: instantOf(until, zone),
      ...(reason.trim() ? { reason: reason.trim() } : {}),
    });
    form.set({ from: "", until: "", reason: "" });
    changed();
  };
  const remove = (/** @type {TimeOff} */ one) =>
    attempt(async () => {
      await api.delete(`/experts/${expert.id}/time-off/${one.id}`);
      changed();
    });
  return html`<section class="card" aria-labelledby="time-off">
    <h2 id="time-off">${t("time_off.title")}</h2>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data?.length === 0 && html`<p class="soft">${t("time_off.none")}</p>`}
    ${page.data && page.data.length > 0 && html`<ul class="plain-list">${page.data.map((/** @type {TimeOff} */ one) => html`<li class="row between" key=${one.id}>
      <span><strong>${formatWhen(one.starts_at, zone)} – ${formatWhen(one.ends_at, zone)}</strong>${one.reason && html`<br /><span class="soft">${one.reason}</span>`}</span>
      <button class="icon-button" type="button" aria-label=${t("time_off.remove", { when: formatWhen(one.starts_at, zone) })} onClick=${() => remove(one)}><${Icon} name="trash" size=${18} /></button>
    </li>`)}</ul>`}
    <form onSubmit=${form.submit(add)}>
      <div class="form-grid">
        <${Field} label=${t("time_off.from")} type="datetime-local" required min=${`${today(zone)}T00:00`} ...${form.bind("from", "/starts_at")} />
        <${Field} label=${t("time_off.until")} type="datetime-local" required min=${form.values.from || undefined} ...${form.bind("until", "/ends_at")} />
      </div>
      <${Field} label=${t("act.reason")} optional=${t("form.optional")} maxlength="200" ...${form.bind("reason")} />
      <${FormError} problem=${form.problem} known=${["/starts_at", "/ends_at", "/reason"]} />
      <div class="actions"><button class="button" disabled=${form.busy || !form.values.from || !form.values.until}>${t("time_off.add")}</button></div>
    </form>
  </section>`;
}
