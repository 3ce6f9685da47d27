// A secret that the server shows this once, with a button that copies it where the browser allows that.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { CopyButton } from "./copy_button.js";

/** @param {{secret: string, label: string, lead: string, children?: any}} props children: further buttons */
export const SecretOnce = ({ secret, label, lead, children }) => html`
  <div class="stack tight"><p>${lead}</p>
    <pre class="secret" tabindex="0" aria-label=${label}>${secret}</pre>
    <div class="actions"><${CopyButton} primary text=${secret} label=${t("secret.copy")} />${children}</div></div>`;
