// Which events a webhook hears of: everything, all about one thing, or type by type. A wider choice covers the
// narrower ones, which then show as chosen.
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { EVENT_TYPES } from "../rule.js";

const GROUPS = [...new Set(EVENT_TYPES.map((type) => type.split(".")[0]))];

/** @param {string} group */
const typesOf = (group) => EVENT_TYPES.filter((type) => type.startsWith(`${group}.`));

/** @param {{value: string[], error?: string, onChange: (patterns: string[]) => void}} props */
export function Wishes({ value, error, onChange }) {
  const all = value.includes("*");
  const set = (/** @type {string} */ pattern, /** @type {boolean} */ on, /** @type {string[]} */ covered = []) => onChange([...value.filter((one) => one !== pattern && !covered.includes(one)), ...(on ? [pattern] : [])]);
  const box = (/** @type {string} */ pattern, /** @type {string} */ words, /** @type {boolean} */ implied, /** @type {string[]} */ covered) => html`<label class="check"><input type="checkbox" checked=${implied || value.includes(pattern)} disabled=${implied}
    onChange=${(/** @type {any} */ event) => set(pattern, event.target.checked, covered)} /><span>${words}</span></label>`;
  return html`<fieldset class="wishes" aria-describedby=${error ? "wishes-error" : undefined}>
    <legend>${t("webhooks.events")}</legend>
    ${box("*", t("webhooks.everything"), false, value)}
    ${!all && GROUPS.map((group) => {
      const types = typesOf(group);
      const whole = value.includes(`${group}.*`);
      return html`<details key=${group} open=${!whole && types.some((type) => value.includes(type))}>
        <summary>${t(`webhook_group.${group}`)}<span class="soft hint">${whole ? t("webhooks.all_of_these") : types.filter((type) => value.includes(type)).length || ""}</span></summary>
        ${box(`${group}.*`, t("webhooks.all_of_these"), false, types)}
        ${types.map((type) => box(type, eventWords(type), whole, []))}
      </details>`;
    })}
    ${error && html`<p class="error" id="wishes-error" role="alert">${error}</p>`}
  </fieldset>`;
}
