// What was sent to a webhook, newest first, with every attempt behind each; and sending again what failed.
import { useEffect, useState } from "preact/hooks";
import { api, now } from "../api.js";
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { EVENT_TYPES } from "../rule.js";
import { say, zone } from "../store.js";
import { instantOf, wallClock } from "../time.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";
import { OpenedMessage } from "./opened_message.js";
import { Empty, Failed, More, Skeleton } from "./states.js";
import { DeliveryStatus } from "./status.js";
import { Ago, When } from "./time.js";

/** @import { Delivery, Page, Webhook } from "../types.js" */

const statuses = ["pending", "sending", "sent", "retrying", "dead", "ambiguous"];
/** How often it is looked whether a test has ended, in milliseconds, and how many times. */
const LOOK = 1000;
const MOST_LOOKS = 60;
const DAY_MS = 24 * 3_600_000;

/** @param {string} kind */
const kindWords = (kind) => (kind === "webhook.test" ? t("webhooks.test_event") : EVENT_TYPES.includes(kind) ? eventWords(kind) : kind);

/** @param {{webhook: Webhook, tried: string | null, onEnd: () => void}} props tried: the delivery of a test that was just sent; onEnd: it has ended */
export function WebhookLog({ webhook, tried, onEnd }) {
  const [status, setStatus] = useState("");
  const [open, setOpen] = useState(/** @type {string | null} */ (null));
  const [asking, setAsking] = useState(false);
  const pages = usePages((after, limit) => /** @type {Promise<Page<Delivery>>} */ (api.get(`/admin/webhooks/${webhook.id}/deliveries`, { status, after, limit })), [webhook.id, status]);
  useTested(tried, () => {
    pages.refresh();
    onEnd();
  });
  return html`<section class="stack tight" aria-labelledby="log">
    <div class="row wrap between"><h2 id="log">${t("webhooks.log")}</h2>
      <div class="actions"><button class="icon-button" type="button" aria-label=${t("providers.refresh")} title=${t("providers.refresh")} onClick=${pages.refresh}><${Icon} name="retry" size=${18} /></button>
        <button class="button small" type="button" disabled=${!webhook.enabled} onClick=${() => setAsking(true)}>${t("webhooks.replay")}</button></div></div>
    <${Field} as="select" label=${t("bookings.status")} value=${status} onChange=${(/** @type {any} */ event) => setStatus(event.target.value)}>
      <option value="">${t("bookings.any_status")}</option>${statuses.map((one) => html`<option key=${one} value=${one}>${t(`delivery.${one}`)}</option>`)}
    <//>
    ${pages.loading && html`<${Skeleton} rows=${4} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="plug" title=${t("webhooks.log_none")} text=${t(status ? "bookings.none_text" : "webhooks.log_none_text")} />`}
    ${pages.items.length > 0 && html`<ul class="table">${pages.items.map((one) => html`<${Row} key=${one.id} delivery=${one} onOpen=${() => setOpen(one.id)} />`)}</ul><${More} pages=${pages} />`}
    ${open && html`<${OpenedMessage} key=${open} id=${open} onClose=${() => setOpen(null)} onChange=${pages.refresh} />`}
    ${asking && html`<${Replay} webhook=${webhook} onClose=${() => setAsking(false)} onDone=${pages.refresh} />`}
  </section>`;
}

/** @param {{delivery: Delivery, onOpen: () => void}} props */
const Row = ({ delivery, onOpen }) => html`<li class="table-row">
  <div class="grow">
    <button class="row-title" type="button" onClick=${onOpen}>${kindWords(delivery.kind)}</button>
    ${delivery.last_error && delivery.status !== "sent" && html`<p class="error">${delivery.last_error}</p>`}
    <p class="soft">${t("webhooks.attempts", { n: delivery.attempt })}${delivery.next_at && delivery.status === "retrying" && html` · ${t("outbox.next_try")} <${When} at=${delivery.next_at} />`}</p>
  </div>
  <p class="soft hint"><${Ago} at=${delivery.created_at} /></p>
  <${DeliveryStatus} status=${delivery.status} />
</li>`;

/** Looks after a test until its first attempt has ended, and says how. @param {string | null} id @param {() => void} onEnd */
function useTested(id, onEnd) {
  useEffect(() => {
    if (!id) return;
    let timer = 0;
    let gone = false;
    // One look after the other: on a slow line a second one would tell of the same end again.
    const look = async (/** @type {number} */ left) => {
      /** @type {Delivery | null} */
      const one = await api.get(`/admin/deliveries/${id}`).catch(() => null);
      if (gone) return;
      const ended = one && one.status !== "pending" && one.status !== "sending";
      if (!ended && left > 1) return void (timer = setTimeout(look, LOOK, left - 1));
      if (one?.status === "sent") say(t("webhooks.test_sent"), { tone: "good" });
      else say(t("webhooks.test_failed", { why: one?.last_error ?? "" }), { tone: "bad", ms: 12_000 });
      onEnd();
    };
    timer = setTimeout(look, LOOK, MOST_LOOKS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id]);
}

/** @param {{webhook: Webhook, onClose: () => void, onDone: () => void}} props */
function Replay({ webhook, onClose, onDone }) {
  const form = useForm({ since: wallClock(new Date(now() - DAY_MS).toISOString(), zone.value).slice(0, 16) });
  const send = async () => {
    const { count } = await api.post(`/admin/webhooks/${webhook.id}/replay`, { since: instantOf(form.values.since, zone.value) });
    say(t("outbox.all_retried", { n: count }), { tone: "good" });
    onClose();
    onDone();
  };
  return html`<${Dialog} title=${t("webhooks.replay")} onClose=${onClose}><form onSubmit=${form.submit(send)}>
    <p>${t("webhooks.replay_ask")}</p>
    <${Field} label=${t("webhooks.replay_since")} type="datetime-local" required ...${form.bind("since")} />
    <${FormError} problem=${form.problem} known=${["/since"]} />
    <div class="actions"><button class="button primary" disabled=${form.busy || !form.values.since}>${t("webhooks.replay_do")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
  </form><//>`;
}
