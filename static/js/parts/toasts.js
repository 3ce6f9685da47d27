import { html } from "../html.js";
import { t } from "../i18n.js";
import { toasts } from "../store.js";
import { Icon } from "./icon.js";

/** Short messages in a polite live region; they never take the focus. */
export const Toasts = () => html`
  <div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      (toast) => html`<div key=${toast.id} class=${`toast ${toast.tone}`}>
        <p>${toast.text}</p>
        ${toast.action && html`<button class="link-button" type="button" onClick=${toast.action.run}>${toast.action.label}</button>`}
        <button class="icon-button small" type="button" aria-label=${t("action.close")} onClick=${() => (toasts.value = toasts.value.filter((other) => other !== toast))}><${Icon} name="cross" size=${16} /></button>
      </div>`,
    )}
  </div>`;
