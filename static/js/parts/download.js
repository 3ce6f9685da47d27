// A file that only a signed-in person may have: fetched with the token, then handed to the browser.
import { api } from "../api.js";
import { html } from "../html.js";
import { useRun } from "../run.js";
import { Icon } from "./icon.js";

/** @import { Api } from "../api.js" */

/** @param {{path: string, query?: Record<string, string>, name: string, label: string, icon?: string, via?: Api}} props via: whose calls these are */
export function Download({ path, query = {}, name, label, icon = "download", via = api }) {
  const [busy, run] = useRun();
  const fetchIt = () => run(async () => save(await via.blob(path, query), name));
  return html`<button class="button" type="button" disabled=${busy} onClick=${fetchIt}><${Icon} name=${icon} size=${18} />${label}</button>`;
}

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
