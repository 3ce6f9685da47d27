// A secret that the server shows this once, with a button that copies it where the browser allows that.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { say } from "../store.js";
import { Icon } from "./icon.js";

/** @param {{secret: string}} props */
export function SecretOnce({ secret }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      say(t("webhooks.copied"), { tone: "good" });
    } catch {
      say(t("webhooks.copy_failed"), { tone: "bad" });
    }
  };
  return html`<div class="stack tight"><p>${t("webhooks.secret_once")}</p>
    <pre class="secret" tabindex="0" aria-label=${t("webhooks.secret")}>${secret}</pre>
    ${navigator.clipboard && html`<div class="actions"><button class="button" type="button" onClick=${copy}><${Icon} name="copy" size=${18} />${t("webhooks.copy")}</button></div>`}</div>`;
}
