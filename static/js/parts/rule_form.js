// The parts of a rule as fields: what it is for, whom it tells, by which ways, and how.
import { Problem } from "../api.js";
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { CATEGORIES, CLASSES, EVENT_TYPES, audiences, facts, hasCalendar, pages } from "../rule.js";
import { Field } from "./form.js";
import { Icon } from "./icon.js";
import { WAYS } from "./notification_choices.js";

/** @import { RuleDraft } from "../types.js" */

/** @param {{label: string, hint?: string, checked: boolean, error?: string, onChange: (on: boolean) => void}} props */
const Check = ({ label, hint, checked, error, onChange }) => html`<div>
  <label class="check"><input type="checkbox" checked=${checked} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} /><span>${label}${hint && html`<span class="hint block">${hint}</span>`}</span></label>
  ${error && html`<p class="error" role="alert">${error}</p>`}
</div>`;

/**
 * @param {{draft: RuleDraft, kinds: string[], problem: any, onChange: (change: Partial<RuleDraft>) => void}} props
 *   kinds: the texts there are
 */
export function RuleForm({ draft, kinds, problem, onChange }) {
  const error = (/** @type {keyof RuleDraft} */ part) => (problem instanceof Problem ? problem.at(`/${part}`) : undefined);
  const pick = (/** @type {keyof RuleDraft} */ part) => ({ value: draft[part] ?? "", error: error(part), onChange: (/** @type {any} */ event) => onChange({ [part]: event.target.value || null }) });
  // What an event cannot have goes with it, so that the form never holds what it does not show.
  const setEvent = (/** @type {any} */ event) => {
    const on = event.target.value;
    onChange({
      on,
      audience: audiences(on).includes(draft.audience) ? draft.audience : audiences(on)[0],
      page: pages(on).includes(draft.page) ? draft.page : pages(on)[0],
      calendar: hasCalendar(on) ? draft.calendar : null,
    });
  };
  return html`
    <fieldset class="card stack"><legend class="sr-only">${t("rules.part_when")}</legend><h2>${t("rules.part_when")}</h2>
      <${Check} label=${t("rules.enabled")} hint=${t("rules.enabled_hint")} checked=${draft.enabled} onChange=${(/** @type {boolean} */ enabled) => onChange({ enabled })} />
      <div class="form-grid">
        <${Field} as="select" label=${t("rules.on")} value=${draft.on} error=${error("on")} onChange=${setEvent}>${EVENT_TYPES.map((one) => html`<option key=${one} value=${one}>${eventWords(one)}</option>`)}<//>
        <${Field} as="select" label=${t("rules.audience")} ...${pick("audience")}>${audiences(draft.on).map((one) => html`<option key=${one} value=${one}>${t(`audience.${one}`)}</option>`)}<//>
      </div>
      <${Field} as="textarea" rows="2" maxlength="1000" class="input mono" spellcheck="false" label=${t("rules.condition")} optional=${t("form.optional")} hint=${t("rules.condition_hint")} value=${draft.condition ?? ""} error=${error("condition")}
        onInput=${(/** @type {any} */ event) => onChange({ condition: event.target.value.trim() ? event.target.value : null })} />
      <${Facts} type=${draft.on} onPick=${(/** @type {string} */ name) => onChange({ condition: draft.condition ? `${draft.condition} ${name}` : name })} />
    </fieldset>
    <fieldset class="card stack"><legend class="sr-only">${t("rules.part_how")}</legend><h2>${t("rules.part_how")}</h2>
      <${Check} label=${t("rules.inbox")} checked=${draft.inbox} onChange=${(/** @type {boolean} */ inbox) => onChange({ inbox })} />
      <${WayChecks} label=${t("rules.channels")} hint=${t("rules.channels_hint")} value=${draft.channels} error=${error("channels")} onChange=${(/** @type {string[]} */ channels) => onChange({ channels, fallback: draft.fallback.filter((way) => !channels.includes(way)) })} />
      <${Fallback} value=${draft.fallback} taken=${draft.channels} error=${error("fallback")} onChange=${(/** @type {string[]} */ fallback) => onChange({ fallback })} />
      <${WayChecks} label=${t("rules.own")} hint=${t("rules.own_hint")} value=${draft.own} error=${error("own")} onChange=${(/** @type {string[]} */ own) => onChange({ own })} />
      <${Field} label=${t("rules.delay")} type="number" min="0" max="43200" step="1" inputmode="numeric" hint=${t("rules.delay_hint")} value=${String(draft.delay_minutes)} error=${error("delay_minutes")}
        onInput=${(/** @type {any} */ event) => event.target.validity.badInput || onChange({ delay_minutes: Number(event.target.value) })} />
    </fieldset>
    <fieldset class="card stack"><legend class="sr-only">${t("rules.part_what")}</legend><h2>${t("rules.part_what")}</h2>
      <div class="form-grid">
        <${Field} as="select" label=${t("rules.kind")} ...${pick("kind")}>${kinds.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}<//>
        <${Field} as="select" label=${t("rules.page")} ...${pick("page")}>${pages(draft.on).map((one) => html`<option key=${one} value=${one}>${t(`rule_page.${one}`)}</option>`)}<//>
        ${hasCalendar(draft.on) && html`<${Field} as="select" label=${t("rules.calendar")} ...${pick("calendar")}><option value="">${t("rules.calendar_none")}</option>${["request", "cancel"].map((one) => html`<option key=${one} value=${one}>${t(`rule_calendar.${one}`)}</option>`)}<//>`}
        <${Field} as="select" label=${t("rules.category")} ...${pick("category")}>${CATEGORIES.map((one) => html`<option key=${one} value=${one}>${t(`category.${one}`)}</option>`)}<//>
        <${Field} as="select" label=${t("rules.class")} hint=${t(`class_hint.${draft.class}`)} ...${pick("class")}>${CLASSES.map((one) => html`<option key=${one} value=${one}>${t(`class.${one}`)}</option>`)}<//>
      </div>
      <${Check} label=${t("rules.critical")} hint=${t("rules.critical_hint")} checked=${draft.critical} error=${error("critical")} onChange=${(/** @type {boolean} */ critical) => onChange({ critical })} />
    </fieldset>`;
}

/** @param {{type: string, onPick: (name: string) => void}} props */
const Facts = ({ type, onPick }) => html`<details class="fact-names"><summary>${t("rules.facts")}</summary>
  <p class="hint">${t("rules.facts_hint")}</p>
  <ul>${facts(type).map((name) => html`<li key=${name}><button class="fact-name" type="button" onClick=${() => onPick(name)}><code>${name}</code></button> <span class="hint">${t(`fact.${name.replace(".", "_")}`)}</span></li>`)}</ul>
</details>`;

/** @param {{label: string, hint: string, value: string[], error?: string, onChange: (ways: string[]) => void}} props */
const WayChecks = ({ label, hint, value, error, onChange }) => html`<fieldset class="way-checks">
  <legend>${label}</legend><p class="hint">${hint}</p>
  <div class="row wrap">${WAYS.map((way) => html`<label key=${way} class="check"><input type="checkbox" checked=${value.includes(way)}
    onChange=${(/** @type {any} */ event) => onChange(event.target.checked ? WAYS.filter((one) => one === way || value.includes(one)) : value.filter((one) => one !== way))} /><span>${t(`way.${way}`)}</span></label>`)}</div>
  ${error && html`<p class="error" role="alert">${error}</p>`}
</fieldset>`;

/** @param {{value: string[], taken: string[], error?: string, onChange: (ways: string[]) => void}} props taken: those used at once */
function Fallback({ value, taken, error, onChange }) {
  const left = WAYS.filter((way) => !value.includes(way) && !taken.includes(way));
  const swap = (/** @type {number} */ i) => onChange(value.map((way, j) => (j === i ? value[i - 1] : j === i - 1 ? value[i] : way)));
  return html`<fieldset class="way-checks">
    <legend>${t("rules.fallback")}</legend><p class="hint">${t("rules.fallback_hint")}</p>
    ${value.length > 0 && html`<ol class="fallback">${value.map((way, i) => html`<li key=${way} class="row between"><span>${i + 1}. ${t(`way.${way}`)}</span><span class="row">
      ${i > 0 && html`<button class="button small" type="button" aria-label=${t("rules.sooner", { way: t(`way.${way}`) })} onClick=${() => swap(i)}>${t("rules.up")}</button>`}
      <button class="icon-button" type="button" aria-label=${t("rules.drop", { way: t(`way.${way}`) })} onClick=${() => onChange(value.filter((one) => one !== way))}><${Icon} name="trash" size=${18} /></button></span></li>`)}</ol>`}
    <div class="row wrap">${left.map((way) => html`<button key=${way} class="chip" type="button" disabled=${!taken.length} onClick=${() => onChange([...value, way])}><${Icon} name="plus" size=${16} />${t(`way.${way}`)}</button>`)}</div>
    ${error && html`<p class="error" role="alert">${error}</p>`}
  </fieldset>`;
}
