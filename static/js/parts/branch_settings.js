// How a branch lets itself be booked. Values stay text while they are typed.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Field } from "./form.js";

/** @import { BranchSettings } from "../types.js" */

/** @type {[keyof BranchSettings, number, number][]} */
const NUMBERS = [
  ["default_minutes", 1, 1440],
  ["horizon_days", 1, 730],
  ["min_notice_minutes", 0, 1051200],
  ["max_load", 1, 1000],
  ["presence_minutes", 0, 1440],
  ["half_life_days", 1, 365],
  ["most_waiting", 0, 1000],
  ["offer_minutes", 1, 120],
  ["queue_timeout_minutes", 1, 10080],
];
const STRATEGIES = ["smart", "round_robin", "least_loaded"];

/** What is no whole number is sent as one that the server refuses at this very field. @param {string} text */
const whole = (text) => (Number.isInteger(Number(text)) && text.trim() !== "" ? Number(text) : -1);

/** @param {BranchSettings} settings @returns {Record<keyof BranchSettings, string>} */
export function asSettingsText(settings) {
  /** @type {any} */
  const text = { strategy: settings.strategy };
  for (const [name] of NUMBERS) text[name] = settings[name] === null ? "" : String(settings[name]);
  return text;
}

/** @param {Record<keyof BranchSettings, string>} text @returns {BranchSettings} */
export function asSettings(text) {
  /** @type {any} */
  const settings = { strategy: text.strategy };
  for (const [name] of NUMBERS) settings[name] = name === "max_load" && text[name].trim() === "" ? null : whole(text[name]);
  return settings;
}

/** @param {{settings: Record<keyof BranchSettings, string>, problem: any, onChange: (settings: Record<keyof BranchSettings, string>) => void}} props */
export function BranchSettingsForm({ settings, problem, onChange }) {
  const bind = (/** @type {keyof BranchSettings} */ name) => ({
    name,
    value: settings[name],
    error: problem?.at?.(`/settings/${name}`),
    onInput: (/** @type {any} */ event) => onChange({ ...settings, [name]: event.target.value }),
  });
  return html`<div class="stack">
    <${Field} as="select" label=${t("branch.strategy")} hint=${t(`branch_strategy.${settings.strategy}_hint`)} ...${bind("strategy")}>
      ${STRATEGIES.map((one) => html`<option key=${one} value=${one}>${t(`branch_strategy.${one}`)}</option>`)}
    <//>
    ${NUMBERS.map(([name, min, max]) => html`<${Field} key=${name} label=${t(`branch_setting.${name}`)} hint=${t(`branch_setting.${name}_hint`)} type="number" inputmode="numeric" min=${min} max=${max} step="1" ...${bind(name)} />`)}
  </div>`;
}
