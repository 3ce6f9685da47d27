// The nearest free times after one was lost, as choices.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { zone } from "../store.js";
import { Icon } from "./icon.js";
import { When } from "./time.js";

/** @import { Slot } from "../types.js" */

/** @param {{slots: Slot[], other: string, onPick: (slot: Slot) => void, children?: any}} props */
export const Alternatives = ({ slots, other, onPick, children }) => html`
  <div class="notice pending" role="alert">
    <p class="row"><${Icon} name="clock" /><strong>${t("taken.title")}</strong></p>
    <p>${slots.length ? t("taken.text") : t("taken.none")}</p>
    <div class="slot-choices">
      ${slots.map((slot) => html`<button key=${slot.starts_at} class="slot wide" type="button" data-alternative=${slot.starts_at} onClick=${() => onPick(slot)}><${When} at=${slot.starts_at} until=${slot.ends_at} other=${other} /></button>`)}
    </div>
    ${children}
  </div>`;
