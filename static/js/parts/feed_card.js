// The secret address at which calendar programs find one's bookings: made, copied, changed, ended.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { useRun } from "../run.js";
import { say } from "../store.js";
import { CopyButton } from "./copy_button.js";
import { Dialog } from "./dialog.js";
import { Field } from "./form.js";
import { Failed, Skeleton } from "./states.js";
import { Ago } from "./time.js";

/** @import { CalendarFeed } from "../types.js" */

export function FeedCard() {
  const page = useLoad(() => /** @type {Promise<CalendarFeed>} */ (api.get("/me/calendar-feed")), []);
  const [asking, setAsking] = useState(/** @type {"rotate" | "end" | null} */ (null));
  const [busy, begin] = useRun();
  const run = async (/** @type {() => Promise<void>} */ work) => {
    await begin(work);
    setAsking(null);
  };
  const make = () => run(async () => page.set(await api.post("/me/calendar-feed")));
  const rotate = () =>
    run(async () => {
      page.set(await api.post("/me/calendar-feed"));
      say(t("feed.rotated"), { tone: "good" });
    });
  const end = () =>
    run(async () => {
      await api.delete("/me/calendar-feed");
      page.set({ url: null, created_at: null });
    });
  const url = page.data?.url;
  return html`<section class="card" aria-labelledby="feed">
    <h2 id="feed">${t("feed.title")}</h2>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && !url && html`<p class="hint">${t("feed.hint")}</p>
      <div class="actions"><button class="button" type="button" disabled=${busy} onClick=${make}>${t("feed.make")}</button></div>`}
    ${page.data && url && html`
      <${Field} label=${t("feed.address")} readonly value=${url} onFocus=${(/** @type {any} */ event) => event.target.select()} />
      <p class="hint">${t("feed.secret")}</p>
      <div class="action-list spaced">
        <${CopyButton} primary text=${url} label=${t("feed.copy")} />
        <button class="button" type="button" disabled=${busy} onClick=${() => setAsking("rotate")}>${t("feed.rotate")}</button>
        <button class="button quiet-danger" type="button" disabled=${busy} onClick=${() => setAsking("end")}>${t("feed.end")}</button>
      </div>
      ${page.data.created_at && html`<p class="hint">${t("feed.since")} <${Ago} at=${page.data.created_at} /></p>`}`}
    ${asking && html`<${Dialog} title=${t(asking === "rotate" ? "feed.rotate" : "feed.end_title")} onClose=${() => setAsking(null)}>
      <p>${t(asking === "rotate" ? "feed.rotate_text" : "feed.end_text")}</p>
      <div class="actions">
        <button class=${asking === "rotate" ? "button primary" : "button danger"} type="button" disabled=${busy} onClick=${asking === "rotate" ? rotate : end}>${t(asking === "rotate" ? "feed.rotate" : "feed.end")}</button>
        <button class="button" type="button" onClick=${() => setAsking(null)}>${t("action.close")}</button>
      </div>
    <//>`}
  </section>`;
}
