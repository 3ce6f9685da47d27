// The rules that turn hours into slots. Values stay text while they are typed.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Field } from "./form.js";

/** @import { BookingRules } from "../types.js" */

/** @typedef {Record<keyof BookingRules, any>} RuleText */

/** @type {(keyof BookingRules)[]} */
const NUMBERS = ["interval_minutes", "buffer_before_minutes", "buffer_after_minutes", "min_notice_minutes", "horizon_days", "cancel_notice_minutes"];
/** @type {(keyof BookingRules)[]} */
const CAPS = ["max_per_day", "max_per_week"];

/** What is no whole number is sent as one that the server refuses at this very field. @param {string} text */
const whole = (text) => (Number.isInteger(Number(text)) && text.trim() !== "" ? Number(text) : -1);

/** @param {BookingRules} rules @returns {RuleText} */
export function asText(rules) {
  /** @type {any} */
  const text = { ...rules, minutes: rules.minutes.join(", ") };
  for (const name of [...NUMBERS, ...CAPS]) text[name] = rules[name] === null ? "" : String(rules[name]);
  return text;
}

/** @param {RuleText} text @returns {BookingRules} */
export function asRules(text) {
  /** @type {any} */
  const rules = { ...text };
  rules.minutes = String(text.minutes).split(/[\s,;]+/).filter(Boolean).map(whole);
  for (const name of NUMBERS) rules[name] = whole(text[name]);
  for (const name of CAPS) rules[name] = text[name] === "" ? null : whole(text[name]);
  return rules;
}

/** @param {{rules: RuleText, problem: any, onChange: (rules: RuleText) => void}} props */
export function RulesForm({ rules, problem, onChange }) {
  const error = (/** @type {string} */ name) => problem?.at?.(`/booking_rules/${name}`) ?? (name === "minutes" ? [0, 1, 2, 3, 4, 5].map((i) => problem?.at?.(`/booking_rules/minutes/${i}`)).find(Boolean) : undefined);
  const bind = (/** @type {keyof BookingRules} */ name) => ({
    name,
    value: rules[name],
    error: error(name),
    onInput: (/** @type {any} */ event) => onChange({ ...rules, [name]: event.target.value }),
  });
  const number = (/** @type {keyof BookingRules} */ name, /** @type {number} */ min, /** @type {number} */ max) => html`
    <${Field} key=${name} label=${t(`rule.${name}`)} hint=${t(`rule.${name}_hint`)} type="number" inputmode="numeric" min=${min} max=${max} step="1" ...${bind(name)} />`;
  return html`<div class="form-grid">
    <${Field} label=${t("rule.minutes")} hint=${t("rule.minutes_hint")} inputmode="numeric" ...${bind("minutes")} />
    ${number("interval_minutes", 1, 1440)}
    ${number("buffer_before_minutes", 0, 1440)}
    ${number("buffer_after_minutes", 0, 1440)}
    ${number("min_notice_minutes", 0, 525600)}
    ${number("horizon_days", 1, 730)}
    ${number("max_per_day", 1, 1000)}
    ${number("max_per_week", 1, 1000)}
    ${number("cancel_notice_minutes", 0, 525600)}
    <label class="check"><input type="checkbox" name="auto_confirm" checked=${rules.auto_confirm} onChange=${(/** @type {any} */ event) => onChange({ ...rules, auto_confirm: event.target.checked })} /><span>${t("rule.auto_confirm")}</span></label>
  </div>`;
}
