// Copies a text, where the browser has a clipboard for the page; elsewhere people select it themselves.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { say } from "../store.js";
import { Icon } from "./icon.js";

/** @param {{text: string, label: string, primary?: boolean}} props */
export function CopyButton({ text, label, primary = false }) {
  if (!navigator.clipboard) return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say(t("copy.done"), { tone: "good" });
    } catch {
      say(t("copy.failed"), { tone: "bad" });
    }
  };
  return html`<button class=${primary ? "button primary" : "button"} type="button" onClick=${copy}><${Icon} name="copy" size=${18} />${label}</button>`;
}
