// The branch that a page of the console is about; the address holds it.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { setQuery } from "../router.js";
import { Field } from "./form.js";

/** @import { Branch } from "../types.js" */

/** @param {{value: string}} props */
export function BranchField({ value }) {
  const branches = useLoad(async () => /** @type {Branch[]} */ ((await api.get("/branches", { limit: 100 })).items), []);
  return html`<${Field} as="select" label=${t("overview.branch")} value=${value} onChange=${(/** @type {any} */ event) => setQuery({ branch_id: event.target.value })}>
    <option value="">${t("bookings.any_status")}</option>${(branches.data ?? []).map((one) => html`<option key=${one.id} value=${one.id} selected=${one.id === value}>${one.name}</option>`)}
  <//>`;
}
