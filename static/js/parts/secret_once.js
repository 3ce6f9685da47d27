// A secret that the server shows this once, with a button that copies it where the browser allows that.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { CopyButton } from "./copy_button.js";

/** @param {{secret: string}} props */
export function SecretOnce({ secret }) {
  return html`<div class="stack tight"><p>${t("webhooks.secret_once")}</p>
    <pre class="secret" tabindex="0" aria-label=${t("webhooks.secret")}>${secret}</pre>
    <div class="actions"><${CopyButton} text=${secret} label=${t("webhooks.copy")} /></div></div>`;
}
