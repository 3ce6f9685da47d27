// Which mail a person wants. The inbox is kept whatever is chosen here.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { say } from "../store.js";
import { Failed, Skeleton, explain } from "./states.js";

/** @import { Preferences } from "../types.js" */

const CATEGORIES = /** @type {const} */ (["booking", "reminder", "review"]);

/** @param {{label: string, checked: boolean, disabled?: boolean, onChange: (checked: boolean) => void}} props */
const Check = ({ label, checked, disabled, onChange }) => html`
  <label class="check"><input type="checkbox" checked=${checked} disabled=${disabled} onChange=${(/** @type {any} */ event) => onChange(event.target.checked)} /><span>${label}</span></label>`;

export function MailChoices() {
  const page = useLoad(() => /** @type {Promise<Preferences>} */ (api.get("/me/preferences")), []);
  if (page.loading) return html`<${Skeleton} rows=${1} />`;
  if (page.error) return html`<${Failed} error=${page.error} retry=${page.retry} />`;
  const chosen = /** @type {Preferences} */ (page.data);
  const choose = async (/** @type {Preferences} */ wanted) => {
    page.set(wanted);
    try {
      page.set(await api.put("/me/preferences", wanted));
    } catch (error) {
      page.set(chosen);
      say(explain(error), { tone: "bad" });
    }
  };
  const all = (/** @type {boolean} */ email) => choose({ ...chosen, channels: { ...chosen.channels, email } });
  const one = (/** @type {typeof CATEGORIES[number]} */ category, /** @type {boolean} */ email) =>
    choose({ ...chosen, categories: { ...chosen.categories, [category]: { ...chosen.categories[category], email } } });
  return html`<section class="card">
    <h2>${t("mail.title")}</h2>
    <${Check} label=${t("mail.all")} checked=${chosen.channels.email} onChange=${all} />
    ${CATEGORIES.map((category) => html`<${Check} key=${category} label=${t(`mail.${category}`)} checked=${chosen.categories[category].email}
      disabled=${!chosen.channels.email} onChange=${(/** @type {boolean} */ email) => one(category, email)} />`)}
    <p class="hint">${t("mail.hint")}</p>
  </section>`;
}
