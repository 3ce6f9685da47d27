// One rule: its parts, a try on what happened, its versions. Without an id it is a new one.
import { useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Dialog } from "../parts/dialog.js";
import { Field, FormError, useWishKey } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Rehearsal } from "../parts/rehearsal.js";
import { RuleForm } from "../parts/rule_form.js";
import { RuleDifference, RuleVersions } from "../parts/rule_versions.js";
import { Failed, Skeleton } from "../parts/states.js";
import { go } from "../router.js";
import { PARTS, differing, draftOf, emptyDraft } from "../rule.js";
import { say } from "../store.js";

/** @import { Rule, RuleDraft, Text } from "../types.js" */
/** @typedef {{rule: Rule | null, etag: string | null, versions: Rule[], kinds: string[]}} Read */

/** @param {string | undefined} id @returns {Promise<Read>} */
async function read(id) {
  // Every kind has words for the inbox in every language, so one list names them all.
  const texts = /** @type {Text[]} */ ((await api.get("/admin/templates", { channel: "inbox", language: "en" })).items);
  const kinds = texts.map((text) => text.kind).sort();
  if (!id) return { rule: null, etag: null, versions: [], kinds };
  const [one, versions] = await Promise.all([api.read(`/admin/rules/${id}`), api.get(`/admin/rules/${id}/versions`)]);
  return { rule: one.data, etag: one.etag, versions: versions.items, kinds };
}

/** @param {{params: {id?: string}}} props */
export default function RulePage({ params: { id } }) {
  const page = useLoad(() => read(id), [id]);
  const back = html`<p><a class="back" href="/admin/rules"><${Icon} name="left" size=${18} />${t("rules.title")}</a></p>`;
  if (page.loading) return html`${back}<${Skeleton} kind="page" rows=${5} />`;
  if (page.error || !page.data) return html`${back}<${Failed} page error=${page.error} retry=${page.retry} />`;
  return html`${back}<${Editor} key=${id} read=${page.data} onRead=${page.set} />`;
}

/** @param {{read: Read, onRead: (read: Read) => void}} props */
function Editor({ read: { rule, etag, versions, kinds }, onRead }) {
  const [draft, setDraft] = useState(() => (rule ? draftOf(rule) : emptyDraft()));
  const [name, setName] = useState("");
  const keyOf = useWishKey();
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [newer, setNewer] = useState(/** @type {Read | null} */ (null));
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const dirty = !rule || differing(draftOf(rule), draft).length > 0;

  const run = async (/** @type {() => Promise<void>} */ work) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      if (rule && error instanceof Problem && error.status === 412) await offer();
      else {
        setProblem(error);
        requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(".rule-form [aria-invalid=true]"))?.focus());
      }
    } finally {
      setBusy(false);
    }
  };
  // What somebody else made of it is shown beside what was typed, and nothing typed is lost before it is chosen.
  const offer = async () => {
    try {
      setNewer(await read(rule?.id));
    } catch (error) {
      setProblem(error);
    }
  };
  const save = (/** @type {string | null} */ tag) =>
    run(async () => {
      if (!rule) {
        const wanted = { id: name.trim(), rule: draft };
        const made = await api.post("/admin/rules", wanted, { key: keyOf(wanted) });
        say(t("rules.saved"), { tone: "good" });
        return go(`/admin/rules/${made.id}`);
      }
      await api.write("PUT", `/admin/rules/${rule.id}`, draft, tag);
      setNewer(null);
      await reload();
      say(t("rules.saved"), { tone: "good" });
    });
  const reset = () =>
    run(async () => {
      setAsking(false);
      await api.write("POST", `/admin/rules/${rule?.id}/reset`, {}, etag);
      await reload();
      say(t("rules.reset_done"), { tone: "good" });
    });
  const reload = async () => take(await read(rule?.id));
  const take = (/** @type {Read} */ fresh) => {
    setNewer(null);
    setProblem(null);
    if (fresh.rule) setDraft(draftOf(fresh.rule));
    onRead(fresh);
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!busy) save(etag);
  };
  return html`
    <header class="page-head"><h1>${rule ? html`${eventWords(rule.on)}: ${t("rules.tells", { audience: t(`audience.${rule.audience}`) })}` : t("rules.add")}</h1>
      <p class="soft">${rule ? html`<code>${rule.id}</code> · ${t("rules.version", { n: rule.version })}${rule.edited && ` · ${t("rule_state.edited")}`}` : t("rules.add_lead")}</p></header>
    ${newer?.rule && html`<div class="notice pending" role="alert"><p><strong>${t("rules.stale", { n: newer.rule.version })}</strong></p><p>${t("rules.stale_hint")}</p>
      <${RuleDifference} one=${draft} other=${newer.rule} />
      <div class="actions"><button class="button" type="button" onClick=${() => take(newer)}>${t("rules.take_theirs")}</button><button class="button" type="button" onClick=${() => save(newer.etag)}>${t("rules.keep_mine")}</button></div></div>`}
    <div class="columns main-aside">
      <form class="rule-form" onSubmit=${submit} novalidate>
        ${!rule && html`<section class="card"><${Field} label=${t("rules.name")} class="input mono" maxlength="60" hint=${t("rules.name_hint")} value=${name} error=${problem?.at?.("/id")} onInput=${(/** @type {any} */ event) => setName(event.target.value)} /></section>`}
        <${RuleForm} draft=${draft} kinds=${kinds} problem=${problem} onChange=${(/** @type {Partial<RuleDraft>} */ change) => setDraft((old) => ({ ...old, ...change }))} />
        <div class="save-bar">
          <${FormError} problem=${problem} known=${["/id", "/event_id", ...PARTS.map((part) => `/${part}`)]} />
          <div class="actions">
            <button class="button primary" disabled=${busy || !dirty}>${t("action.save")}</button>
            ${rule && dirty && html`<button class="button" type="button" disabled=${busy} onClick=${() => (setDraft(draftOf(rule)), setProblem(null))}>${t("rules.discard")}</button>`}
            ${rule?.edited && html`<button class="button quiet-danger" type="button" disabled=${busy} onClick=${() => setAsking(true)}>${t("rules.reset")}</button>`}
            ${rule && !dirty && html`<span class="hint">${t("rules.unchanged")}</span>`}
          </div>
        </div>
      </form>
      <div class="stack">
        <${Rehearsal} draft=${draft} onProblem=${setProblem} />
        ${versions.length > 0 && html`<${RuleVersions} key=${rule?.version} versions=${versions} onUse=${(/** @type {RuleDraft} */ old) => (setDraft(old), say(t("versions.in_form")))} />`}
      </div>
    </div>
    ${asking && html`<${Dialog} title=${t("rules.reset")} onClose=${() => setAsking(false)}><p>${t("rules.reset_ask")}</p>
      <div class="actions"><button class="button primary" type="button" onClick=${reset}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(false)}>${t("action.back")}</button></div><//>`}`;
}
