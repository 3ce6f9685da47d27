// How often a booking repeats, and each of its times: free, or with what is free near it instead.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Problem } from "../api.js";
import { LEAST, MOST, byRule, clashes, outOfRange } from "../series.js";
import { zone } from "../store.js";
import { addDays, dateIn, formatWhen } from "../time.js";
import { Choice, Field, FormError } from "./form.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { When } from "./time.js";

/** @import { Choices, Occurrence, Repeat, usePreview } from "../series.js" */

/** What the server says of why a time is not free has words of its own; anything else is not offered. */
const KNOWN = ["taken", "client_busy", "horizon", "day_cap", "week_cap", "time_off"];

/** What the fields of the rule show. */
const AT_FIELDS = ["/rule", "/rule/count", "/rule/until"];

/** @param {{repeat: Repeat, startsAt: string, problem?: any, onChange: (change: Partial<Repeat>) => void}} props */
export function RepeatFields({ repeat, startsAt, problem, onChange }) {
  const error = (/** @type {string} */ pointer) => (problem instanceof Problem ? problem.at(pointer) : undefined);
  const first = dateIn(startsAt, zone.value);
  return html`<div class="repeat">
    <${Field} as="select" label=${t("series.repeat")} value=${repeat.every} error=${error("/rule")} onChange=${(/** @type {any} */ event) => onChange({ every: event.target.value })}>
      <option value="">${t("series.once")}</option>
      <option value="week">${t("series.week")}</option>
      <option value="two_weeks">${t("series.two_weeks")}</option>
      <option value="month">${t("series.month")}</option>
    <//>
    ${repeat.every && html`
      <${Choice} label=${t("series.ends")} value=${repeat.ends} onChange=${(/** @type {any} */ ends) => onChange({ ends })} options=${[{ value: "count", label: t("series.ends_count") }, { value: "until", label: t("series.ends_until") }]} />
      ${repeat.ends === "count"
        ? html`<${Field} type="number" inputmode="numeric" min=${LEAST} max=${MOST} label=${t("series.count")} value=${repeat.count} error=${outOfRange(repeat) ? t("series.count_range", { least: LEAST, most: MOST }) : error("/rule/count")} onInput=${(/** @type {any} */ event) => onChange({ count: event.target.value })} />`
        : html`<${Field} type="date" min=${addDays(first, 1)} label=${t("series.until")} value=${repeat.until} error=${error("/rule/until")} onInput=${(/** @type {any} */ event) => onChange({ until: event.target.value })} />`}`}
  </div>`;
}

/** @param {{looking: ReturnType<typeof usePreview>, other: string}} props other: the expert's zone */
export function RepeatPreview({ looking, other }) {
  const { preview, problem, choices } = looking;
  if (problem instanceof Problem && problem.status === 422) return html`<${FormError} problem=${problem} known=${AT_FIELDS} />`;
  if (problem) return html`<${Failed} error=${problem} retry=${looking.retry} />`;
  if (!preview) return html`<${Skeleton} rows=${4} />`;
  const missing = clashes(preview).length;
  const left = [...choices].filter(([, instead]) => !instead).map(([at]) => ({ at, one: /** @type {Occurrence | null} */ (null) }));
  const rows = [...preview.occurrences.map((one) => ({ at: byRule(one), one: /** @type {Occurrence | null} */ (one) })), ...left].sort((a, b) => a.at.localeCompare(b.at));
  return html`<section class="series" aria-labelledby="series-title">
    <h3 id="series-title">${t("series.dates")}</h3>
    <p class=${missing ? "notice pending" : "soft"} role="status">
      ${missing ? t("series.not_free", { n: missing, of: preview.occurrences.length }) : t("series.all_free", { n: preview.occurrences.length })}
      ${missing > 0 && preview.free > 0 && html` <button class="link-button" type="button" onClick=${looking.leaveOut}>${t("series.leave_all")}</button>`}
    </p>
    <ol class="series-dates">${rows.map(({ at, one }) => html`<${Time} key=${at} at=${at} one=${one} other=${other} looking=${looking} last=${preview.occurrences.length === 1} />`)}</ol>
  </section>`;
}

/** One time of the rule; without an occurrence it is left out. @param {{at: string, one: Occurrence | null, other: string, looking: ReturnType<typeof usePreview>, last: boolean}} props */
function Time({ at, one, other, looking, last }) {
  const when = formatWhen(at, zone.value);
  const reason = one?.against && (KNOWN.includes(one.against) ? one.against : "not_offered");
  const restore = html`<button class="link-button" type="button" aria-label=${t("series.restore_of", { when })} onClick=${() => looking.restore(at)}>${t("series.restore")}</button>`;
  return html`<li class=${one ? (one.free ? "" : "clash") : "left-out"} data-occurrence=${at}>
    <p class="row wrap between">
      <span class="row">
        <${Icon} name=${one ? (one.free ? "check" : "clock") : "cross"} size=${18} />
        ${one ? html`<${When} at=${one.starts_at} until=${one.ends_at} other=${other} />` : html`<s><${When} at=${at} other=${other} /></s>`}
      </span>
      ${!one && html`<span class="row wrap soft">${t("series.left_out")} ${restore}</span>`}
      ${one?.free && one.instead_of && html`<span class="row wrap soft">${t("series.instead_of", { when })} ${restore}</span>`}
      ${one?.free && !one.instead_of && !last && html`<button class="link-button" type="button" aria-label=${t("series.leave_out_of", { when })} onClick=${() => looking.choose(at, null)}>${t("series.leave_out")}</button>`}
    </p>
    ${one && !one.free && html`<div class="series-clash">
      <p><strong>${t(`series.against_${reason}`)}</strong></p>
      <div class="slot-choices" role="group" aria-label=${t("series.instead_label", { when })}>
        ${one.alternatives.map((slot) => html`<button key=${slot.starts_at} class="slot wide" type="button" data-alternative=${slot.starts_at} onClick=${() => looking.choose(at, slot.starts_at)}><${When} at=${slot.starts_at} until=${slot.ends_at} other=${other} /></button>`)}
      </div>
      <p class="row wrap">
        ${!last && html`<button class="button small" type="button" onClick=${() => looking.choose(at, null)}>${t("series.leave_out")}</button>`}
        ${one.instead_of && restore}
      </p>
    </div>`}
  </li>`;
}
