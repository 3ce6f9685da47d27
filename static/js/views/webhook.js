// One webhook: where it leads and what it wants, its secret, what was sent to it, and sending that again. Without an
// id it is a new one.
import { useState } from "preact/hooks";
import { Problem, api, now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Dialog } from "../parts/dialog.js";
import { Field, FormError, useForm, useWishKey } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { SecretOnce } from "../parts/secret_once.js";
import { Failed, Skeleton, explain } from "../parts/states.js";
import { When } from "../parts/time.js";
import { WebhookLog } from "../parts/webhook_log.js";
import { Wishes } from "../parts/wishes.js";
import { go } from "../router.js";
import { say } from "../store.js";
import { WebhookState } from "./webhooks.js";

/** @import { Webhook } from "../types.js" */
/** @typedef {{webhook: Webhook, etag: string | null}} Read */

const KNOWN = ["/url", "/events", "/description"];

/** @param {{params: {id?: string}}} props */
export default function WebhookPage({ params: { id } }) {
  return html`<p><a class="back" href="/admin/webhooks"><${Icon} name="left" size=${18} />${t("webhooks.title")}</a></p>
    ${id ? html`<${One} key=${id} id=${id} />` : html`<${NewWebhook} />`}`;
}

function NewWebhook() {
  const form = useForm({ url: "", description: "", events: ["*"] });
  const [made, setMade] = useState(/** @type {(Webhook & {secret: string}) | null} */ (null));
  const keyOf = useWishKey();
  const create = async () => {
    const { url, description, events } = form.values;
    const wanted = { url: url.trim(), events, ...(description.trim() ? { description: description.trim() } : {}) };
    setMade(await api.post("/admin/webhooks", wanted, { key: keyOf(wanted) }));
  };
  if (made) {
    return html`<header class="page-head"><h1>${t("webhooks.made")}</h1><p class="soft">${made.url}</p></header>
      <section class="card stack"><${SecretOnce} secret=${made.secret} label=${t("webhooks.secret")} lead=${t("webhooks.secret_once")}>
        <button class="button" type="button" onClick=${() => go(`/admin/webhooks/${made.id}`)}>${t("webhooks.kept_secret")}</button><//></section>`;
  }
  return html`<header class="page-head"><h1>${t("webhooks.add")}</h1><p class="soft">${t("webhooks.add_lead")}</p></header>
    <form class="card" onSubmit=${form.submit(create)} novalidate>
      <${Fields} form=${form} />
      <${FormError} problem=${form.problem} known=${KNOWN} />
      <div class="actions"><button class="button primary" disabled=${form.busy || !form.values.url.trim()}>${t("webhooks.create")}</button><a class="button" href="/admin/webhooks">${t("action.back")}</a></div>
    </form>`;
}

/** @param {{form: any}} props */
const Fields = ({ form }) => html`
  <${Field} label=${t("webhooks.url")} type="url" inputmode="url" maxlength="2048" placeholder="https://" hint=${t("webhooks.url_hint")} ...${form.bind("url")} />
  <${Field} label=${t("webhooks.description")} maxlength="200" optional=${t("form.optional")} ...${form.bind("description")} />
  <${Wishes} value=${form.values.events} error=${eventsFault(form.problem)} onChange=${(/** @type {string[]} */ events) => form.set({ events })} />`;

/** What is wrong with the chosen events, whichever of them it is. @param {any} problem */
const eventsFault = (problem) => (problem instanceof Problem ? problem.body.errors?.find((/** @type {{pointer: string}} */ one) => one.pointer.startsWith("/events"))?.detail : undefined);

/** @param {{id: string}} props */
function One({ id }) {
  const page = useLoad(async () => {
    const { data, etag } = await api.read(`/admin/webhooks/${id}`);
    return /** @type {Read} */ ({ webhook: data, etag });
  }, [id]);
  if (page.loading) return html`<${Skeleton} kind="page" rows=${4} />`;
  if (page.error || !page.data) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;
  return html`<${Opened} key=${page.data.etag} read=${page.data} onRead=${page.set} reload=${page.refresh} />`;
}

/** @param {{read: Read, onRead: (read: Read) => void, reload: () => void}} props */
function Opened({ read: { webhook, etag }, onRead, reload }) {
  const path = `/admin/webhooks/${webhook.id}`;
  const [asking, setAsking] = useState(/** @type {"rotate" | "delete" | null} */ (null));
  const [secret, setSecret] = useState(/** @type {string | null} */ (null));
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(/** @type {string | null} */ (null));
  const form = useForm({ url: webhook.url, description: webhook.description, events: webhook.events });
  const { url, description, events } = form.values;
  const dirty = url.trim() !== webhook.url || description.trim() !== webhook.description || events.join() !== webhook.events.join();

  const run = async (/** @type {() => Promise<void>} */ work) => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      if (error instanceof Problem && error.status === 412) {
        say(t("webhooks.stale"), { tone: "bad", ms: 12_000 });
        reload();
      } else say(explain(error), { tone: "bad" });
    } finally {
      setBusy(false);
      setAsking(null);
    }
  };
  const change = async (/** @type {object} */ wanted) => {
    const { data, etag: newer } = await api.write("PATCH", path, wanted, etag);
    onRead({ webhook: data, etag: newer });
    say(t("webhooks.saved"), { tone: "good" });
  };
  const save = () => change({ url: url.trim(), description: description.trim(), events });
  const toggle = () => run(() => change({ enabled: !webhook.enabled }));
  const rotate = () => run(async () => setSecret((await api.post(`${path}/rotate`)).secret));
  const remove = () =>
    run(async () => {
      await api.delete(path);
      say(t("webhooks.deleted"), { tone: "good" });
      go("/admin/webhooks");
    });
  const test = () =>
    run(async () => {
      setTried((await api.post(`${path}/test`)).delivery_id);
    });
  const overlap = webhook.old_secret_until && Date.parse(webhook.old_secret_until) > now() ? webhook.old_secret_until : null;

  return html`
    <header class="page-head row wrap between"><div class="grow"><h1 class="anywhere">${webhook.description || webhook.url}</h1>${webhook.description && html`<p class="soft anywhere">${webhook.url}</p>`}</div>
      <${WebhookState} webhook=${webhook} /></header>
    ${!webhook.enabled && html`<div class=${webhook.disabled_cause ? "notice bad" : "notice"} role="status"><p><strong>${webhook.disabled_cause ? t(`webhook_off.${webhook.disabled_cause}`) : t("webhook_off.by_hand")}</strong></p><p>${t("webhook_off.next")}</p>
      <button class="button" type="button" disabled=${busy} onClick=${toggle}>${t("webhooks.enable")}</button></div>`}
    ${webhook.enabled && webhook.failing_since && html`<div class="notice pending" role="status"><p><strong>${t("webhooks.failing_since")} <${When} at=${webhook.failing_since} /></strong></p><p>${t("webhooks.failing_hint")}</p></div>`}
    <div class="columns main-aside spaced-top">
      <${WebhookLog} webhook=${webhook} tried=${tried} onEnd=${reload} />
      <div class="stack">
        <section class="card"><h2>${t("webhooks.try")}</h2><p class="hint">${t("webhooks.try_hint")}</p>
          <div class="actions"><button class="button" type="button" disabled=${busy || !webhook.enabled} onClick=${test}>${t("webhooks.send_test")}</button></div></section>
        <form class="card" onSubmit=${form.submit(save)} novalidate>
          <h2>${t("webhooks.settings")}</h2>
          <${Fields} form=${form} />
          <${FormError} problem=${form.problem} known=${KNOWN} />
          <div class="actions"><button class="button primary" disabled=${form.busy || !dirty}>${t("action.save")}</button></div>
        </form>
        <section class="card"><h2>${t("webhooks.secret")}</h2><p class="hint">${t("webhooks.secret_hint")}</p>
          ${overlap && html`<p class="hint"><strong>${t("webhooks.overlap")} <${When} at=${overlap} /></strong></p>`}
          <div class="actions"><button class="button" type="button" disabled=${busy} onClick=${() => setAsking("rotate")}>${t("webhooks.rotate")}</button></div></section>
        <section class="card"><h2>${t("webhooks.end")}</h2><p class="hint">${t("webhooks.end_hint")}</p>
          <div class="actions">${webhook.enabled && html`<button class="button" type="button" disabled=${busy} onClick=${toggle}>${t("webhooks.disable")}</button>`}
            <button class="button quiet-danger" type="button" disabled=${busy} onClick=${() => setAsking("delete")}>${t("webhooks.delete")}</button></div></section>
      </div>
    </div>
    ${asking === "rotate" && html`<${Dialog} title=${t("webhooks.rotate")} onClose=${() => setAsking(null)}><p>${t("webhooks.rotate_ask")}</p>
      <div class="actions"><button class="button primary" type="button" disabled=${busy} onClick=${rotate}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(null)}>${t("action.back")}</button></div><//>`}
    ${asking === "delete" && html`<${Dialog} title=${t("webhooks.delete")} onClose=${() => setAsking(null)}><p>${t("webhooks.delete_ask")}</p><p class="anywhere"><code>${webhook.url}</code></p>
      <div class="actions"><button class="button danger" type="button" disabled=${busy} onClick=${remove}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(null)}>${t("action.back")}</button></div><//>`}
    ${secret && html`<${Dialog} title=${t("webhooks.new_secret")} onClose=${() => (setSecret(null), reload())}><${SecretOnce} secret=${secret} label=${t("webhooks.secret")} lead=${t("webhooks.secret_once")} />
      <div class="actions"><button class="button primary" type="button" onClick=${() => (setSecret(null), reload())}>${t("webhooks.kept_secret")}</button></div><//>`}`;
}
