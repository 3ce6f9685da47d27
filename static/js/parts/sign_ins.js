// As whom a provider knows the reader, and how to make it forget.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { useRun } from "../run.js";
import { say } from "../store.js";
import { Dialog } from "./dialog.js";
import { Failed, Skeleton } from "./states.js";
import { Ago } from "./time.js";

/** @import { SignIn, SignIns } from "../types.js" */

/** What a provider is called: by its address if the house goes there no more. @param {SignIn} one */
const nameOf = (one) => one.name ?? one.issuer.replace(/^https?:\/\//, "");

export function SignInsCard() {
  const page = useLoad(() => /** @type {Promise<SignIns>} */ (api.get("/me/sign-ins")), []);
  const [leaving, setLeaving] = useState(/** @type {SignIn | null} */ (null));
  const [busy, run] = useRun();
  if (page.loading) return html`<${Skeleton} rows=${1} />`;
  if (page.error) return html`<${Failed} error=${page.error} retry=${page.retry} />`;
  const ways = /** @type {SignIns} */ (page.data);
  if (!ways.items.length) return null;
  const remove = async (/** @type {SignIn} */ one) => {
    await run(async () => {
      await api.delete(`/me/sign-ins/${one.id}`);
      page.set({ ...ways, items: ways.items.filter((other) => other !== one) });
      say(t("sign_ins.removed"), { tone: "good" });
    });
    setLeaving(null);
  };
  return html`<section class="card" aria-labelledby="sign-ins">
    <h2 id="sign-ins">${t("sign_ins.title")}</h2>
    ${ways.items.map((one) => html`<div key=${one.id}>
      <p><strong>${nameOf(one)}</strong></p>
      ${one.email && html`<p>${one.email}</p>`}
      <p class="hint">${t("sign_ins.used")} <${Ago} at=${one.used_at} /></p>
      ${ways.password && html`<div class="action-list spaced"><button class="button" type="button" aria-label=${t("sign_ins.remove_one", { name: nameOf(one) })} onClick=${() => setLeaving(one)}>${t("action.remove")}</button></div>`}
    </div>`)}
    ${!ways.password && html`<p class="hint">${t("sign_ins.no_password")} <a href="/forgot">${t("sign_ins.set_password")}</a></p>`}
    ${leaving && html`<${Dialog} title=${t("sign_ins.remove_one", { name: nameOf(leaving) })} onClose=${() => setLeaving(null)}>
      <p>${t("sign_ins.remove_text")}</p>
      <div class="actions">
        <button class="button danger" type="button" disabled=${busy} onClick=${() => remove(leaving)}>${t("action.remove")}</button>
        <button class="button" type="button" onClick=${() => setLeaving(null)}>${t("action.close")}</button>
      </div>
    <//>`}
  </section>`;
}
