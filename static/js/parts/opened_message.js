// One message that went out or should have: what it said, each attempt, and another try where it is stuck.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { useRun } from "../run.js";
import { say } from "../store.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { MailBody } from "./mail_body.js";
import { Failed, Skeleton, explain } from "./states.js";
import { DeliveryStatus } from "./status.js";
import { When } from "./time.js";
import { Attempts, spoken } from "./trace.js";

/** @import { Delivery } from "../types.js" */

/** @param {{id: string, onClose: () => void, onChange: () => void}} props onChange: it was sent again */
export function OpenedMessage({ id, onClose, onChange }) {
  const page = useLoad(() => api.get(`/admin/deliveries/${id}`), [id]);
  const [busy, run] = useRun();
  /** @type {Delivery | undefined} */
  const one = page.data;
  const retry = () =>
    run(async () => {
      await api.post(`/admin/deliveries/${id}/retry`);
      say(t("outbox.retried"), { tone: "good" });
      page.refresh();
      onChange();
    });
  return html`<${Dialog} title=${one?.subject ?? t("outbox.message")} onClose=${onClose} wide>
    ${page.loading && html`<${Skeleton} rows=${3} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${one && html`
      <div class="row wrap between">
        <p class="soft">${one.user ? `${one.user.name} · ` : ""}${one.address} · ${spoken(t(`channel.${one.channel}`), one.channel)}</p><${DeliveryStatus} status=${one.status} />
      </div>
      ${one.last_error && html`<p class="notice bad">${one.last_error}</p>`}
      ${(one.status === "dead" || one.status === "ambiguous") && html`<div class="actions"><button class="button primary" type="button" disabled=${busy} onClick=${retry}><${Icon} name="retry" size=${18} />${t("outbox.retry")}</button></div>`}
      ${one.next_at && one.status === "retrying" && html`<p class="hint">${t("outbox.next_try")} <${When} at=${one.next_at} /></p>`}
      ${one.user && one.event_id && html`<p><a href=${`/admin/explain?event=${one.event_id}&user=${one.user.id}`}>${t("outbox.why", { name: one.user.name })}</a></p>`}
      <${MailBody} text=${one.text ?? ""} html=${one.html ?? null} />
      ${one.attachments && one.attachments.length > 0 && html`<section><h3>${t("outbox.attachments")}</h3>${one.attachments.map((file) => html`<details key=${file.name}><summary>${file.name} <span class="soft">${file.content_type}</span></summary><pre tabindex="0">${file.text}</pre></details>`)}</section>`}
      <section><h3>${t("outbox.attempts")}</h3>
        <${Attempts} delivery=${one} />
      </section>`}
  <//>`;
}
