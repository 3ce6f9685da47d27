// What the operator of this node configured, section by section: nothing here is changed from a page.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Failed, Skeleton } from "./states.js";

/** @import { ConfiguredItem } from "../types.js" */

export function Configured() {
  const page = useLoad(async () => /** @type {ConfiguredItem[]} */ ((await api.get("/admin/settings/configured")).items), []);
  const sections = [...new Set((page.data ?? []).map(({ name }) => name.split(".")[0]))];
  return html`<section class="stack" aria-labelledby="configured">
    <h2 id="configured">${t("settings.configured")}</h2>
    <p class="soft">${t("settings.configured_hint")}</p>
    ${page.loading && html`<${Skeleton} rows=${3} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${sections.map((section) => {
      const items = (page.data ?? []).filter(({ name }) => name.startsWith(`${section}.`));
      const own = items.filter(({ origin }) => origin !== "default").length;
      return html`<details class="card configured" key=${section}><summary><code>[${section}]</code> <span class="soft hint">${own > 0 && t("settings.own", { n: own })}</span></summary>
        <dl class="facts">${items.map((one) => html`<div key=${one.name} class=${one.origin === "default" ? "" : "own"}>
          <dt><code>${one.name.slice(section.length + 1)}</code></dt>
          <dd>${written(one)}<p class="hint">${t(`settings.from_${one.origin}`)} · <code>${one.variable}</code></p></dd>
        </div>`)}</dl>
      </details>`;
    })}
  </section>`;
}

/** @param {ConfiguredItem} item */
function written({ value, secret, set }) {
  if (secret) return html`<span class="soft">${t("settings.secret_set")}</span>`;
  if (!set) return html`<span class="soft">${t("settings.nothing")}</span>`;
  return html`<code class="anywhere">${typeof value === "string" ? value : JSON.stringify(value)}</code>`;
}
