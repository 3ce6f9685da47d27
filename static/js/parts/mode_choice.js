// Whether people meet online or in person.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Mode } from "./booking_row.js";
import { Choice } from "./form.js";

/** @param {{value: string, onChange: (mode: string) => void}} props */
export const ModeChoice = ({ value, onChange }) => html`
  <${Choice} label=${t("book.mode")} value=${value} onChange=${onChange} options=${["online", "offline"].map((mode) => ({ value: mode, label: html`<${Mode} mode=${mode} />` }))} />`;
