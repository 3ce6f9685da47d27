// Those who carry our messages, and how they fare: on the node that answers, since it started.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { Ago, When } from "./time.js";
import { spoken } from "./trace.js";

/** @import { Provider } from "../types.js" */

/** @type {Record<string, string>} */
const tones = { ready: "confirmed", paused: "pending", broken: "rejected", probing: "pending" };

export function Providers() {
  const page = useLoad(() => /** @type {Promise<{items: Provider[]}>} */ (api.get("/admin/providers")), []);
  return html`<section class="card providers" aria-labelledby="providers">
    <div class="row between"><h2 id="providers">${t("providers.title")}</h2>
      <button class="icon-button" type="button" aria-label=${t("providers.refresh")} title=${t("providers.refresh")} onClick=${page.refresh}><${Icon} name="retry" size=${18} /></button></div>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && !page.data.items.length && html`<p class="soft">${t("providers.none")}</p>`}
    ${page.data && page.data.items.length > 0 && html`<ul class="provider-list">${page.data.items.map((one) => html`<${Row} key=${`${one.channel} ${one.provider}`} provider=${one} />`)}</ul>`}
  </section>`;
}

/** @param {{provider: Provider}} props */
const Row = ({ provider }) => html`<li>
  <p class="row wrap between"><span><strong>${spoken(t(`channel.${provider.channel}`), provider.channel)}</strong> <span class="soft">${provider.provider}</span></span>
    <span class=${`badge ${tones[provider.state] ?? "pending"}`}>${t(`provider_state.${provider.state}`)}</span></p>
  ${provider.until && html`<p class="hint">${t("providers.until")} <${When} at=${provider.until} /></p>`}
  ${provider.pause && html`<p class="hint">${provider.pause}</p>`}
  ${provider.last_error && html`<p class="error">${provider.last_error}${provider.last_error_at && html` <span class="soft">(<${Ago} at=${provider.last_error_at} />)</span>`}</p>`}
  <p class="hint">${Object.entries(provider.counts).filter(([, n]) => n > 0).map(([outcome, n]) => `${spoken(t(`attempt.${outcome}`), outcome)}: ${n}`).join(" · ") || t("providers.idle")}${provider.under_way > 0 && ` · ${t("attempt.under_way")}: ${provider.under_way}`}</p>
</li>`;
