// One text: its parts, how it looks to several readers while it is typed, its versions.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { LOCALES, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Dialog } from "../parts/dialog.js";
import { Field, FormError } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { MailBody } from "../parts/mail_body.js";
import { Failed, Skeleton } from "../parts/states.js";
import { When } from "../parts/time.js";
import { spoken } from "../parts/trace.js";
import { user } from "../session.js";
import { say } from "../store.js";
import { Source, kindWords } from "./texts.js";

/** @import { TextDetail, TextExample } from "../types.js" */
/** @typedef {{text: TextDetail, etag: string | null}} Read */
/** @typedef {Record<string, string>} Sections */

const TYPING_MS = 500;

/** @param {{params: {kind: string, channel: string, language: string}}} props */
export default function TextPage({ params: { kind, channel, language } }) {
  const path = `/admin/templates/${kind}/${channel}/${language}`;
  const read = async () => {
    const { data, etag } = await api.read(path);
    return /** @type {Read} */ ({ text: data, etag });
  };
  const page = useLoad(read, [path]);
  const back = html`<p><a class="back" href=${`/admin/texts?language=${language}`}><${Icon} name="left" size=${18} />${t("texts.title")}</a></p>`;
  if (page.loading) return html`${back}<${Skeleton} kind="page" rows=${5} />`;
  if (page.error || !page.data) return html`${back}<${Failed} page error=${page.error} retry=${page.retry} />`;
  return html`${back}<${Editor} key=${path} path=${path} read=${page.data} again=${read} onRead=${page.set} />`;
}

/** Every part of a text, those that are missing as empty. @param {TextDetail} text @param {Sections} from @returns {Sections} */
const filled = (text, from) => Object.fromEntries(text.parts.map(({ name }) => [name, from[name] ?? ""]));

/** What is sent: parts that need not be there are left out when they are empty. @param {TextDetail} text @param {Sections} typed */
const sent = (text, typed) => Object.fromEntries(text.parts.filter(({ name, required }) => required || typed[name]).map(({ name }) => [name, typed[name]]));

/** @param {{path: string, read: Read, again: () => Promise<Read>, onRead: (read: Read) => void}} props */
function Editor({ path, read: { text, etag }, again, onRead }) {
  const [typed, setTyped] = useState(() => filled(text, text.sections));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [newer, setNewer] = useState(/** @type {Read | null} */ (null));
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const dirty = JSON.stringify(typed) !== JSON.stringify(filled(text, text.sections));
  const known = text.parts.map(({ name }) => `/sections/${name}`);

  const run = async (/** @type {() => Promise<any>} */ work, /** @type {string} */ done) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      take(await again());
      say(done, { tone: "good" });
    } catch (error) {
      if (error instanceof Problem && error.status === 412) await again().then(setNewer, setProblem);
      else setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const take = (/** @type {Read} */ fresh) => {
    setNewer(null);
    setProblem(null);
    setTyped(filled(fresh.text, fresh.text.sections));
    onRead(fresh);
  };
  const save = (/** @type {string | null} */ tag) => run(() => api.write("PUT", path, { sections: sent(text, typed) }, tag), t("texts.saved"));
  const withdraw = () => {
    setAsking(false);
    run(() => api.write("DELETE", path, undefined, etag), t("texts.withdrawn"));
  };
  return html`
    <header class="page-head"><h1>${kindWords(text.kind)}</h1>
      <p class="row wrap soft"><span>${t(`medium.${text.channel}`)} · <span lang=${text.language}>${/** @type {Record<string, string>} */ (LOCALES)[text.language] ?? text.language}</span>${text.version > 0 && ` · ${t("rules.version", { n: text.version })}`}</span> <${Source} source=${text.source} /></p></header>
    ${newer && html`<div class="notice pending" role="alert"><p><strong>${t("texts.stale")}</strong></p>
      ${Object.entries(newer.text.sections).map(([name, theirs]) => html`<div key=${name}><p class="hint">${spoken(t(`text_part.${name}`), name)}</p><pre tabindex="0">${theirs}</pre></div>`)}
      <div class="actions"><button class="button" type="button" onClick=${() => take(newer)}>${t("rules.take_theirs")}</button><button class="button" type="button" onClick=${() => save(newer.etag)}>${t("rules.keep_mine")}</button></div></div>`}
    <div class="columns text-columns">
      <form class="rule-form" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), busy || save(etag))} novalidate>
        <section class="card stack">
          ${text.source !== "own" && text.source !== "builtin" && html`<p class="notice">${t(`texts.why_${text.source === "inbox" ? "inbox" : "fallback"}`)}</p>`}
          ${text.parts.map((part) => html`<${Field} key=${part.name} as="textarea" class="input mono" rows=${part.most > 300 ? 10 : 2} lang=${text.language} spellcheck="false"
            label=${spoken(t(`text_part.${part.name}`), part.name)} optional=${part.required ? undefined : t("form.optional")} hint=${t("texts.most", { n: part.most })}
            value=${typed[part.name]} error=${problem?.at?.(`/sections/${part.name}`)} onInput=${(/** @type {any} */ event) => setTyped({ ...typed, [part.name]: event.target.value })} />`)}
          <details><summary>${t("rules.facts")}</summary><p class="hint">${t("texts.variables_hint")}</p><p class="tags">${text.variables.map((name) => html`<code key=${name} class="tag">${`{{ ${name} }}`}</code>`)}</p></details>
        </section>
        <div class="save-bar">
          <${FormError} problem=${problem} known=${known} />
          <div class="actions">
            <button class="button primary" disabled=${busy || !dirty}>${t("action.save")}</button>
            ${dirty && html`<button class="button" type="button" disabled=${busy} onClick=${() => (setTyped(filled(text, text.sections)), setProblem(null))}>${t("rules.discard")}</button>`}
            ${text.source === "own" && html`<button class="button quiet-danger" type="button" disabled=${busy} onClick=${() => setAsking(true)}>${t("texts.withdraw")}</button>`}
            ${!dirty && html`<span class="hint">${t("rules.unchanged")}</span>`}
          </div>
        </div>
      </form>
      <div class="stack">
        <${Preview} path=${path} sections=${dirty ? sent(text, typed) : null} language=${text.language} onProblem=${setProblem} />
        ${text.history.length > 0 && html`<section class="card" aria-labelledby="versions"><h2 id="versions">${t("versions.title")}</h2><ol class="versions">
          ${text.history.map((one) => html`<li key=${one.version}>
            <p class="row wrap between"><strong>${t("rules.version", { n: one.version })}</strong>${one.current ? html`<span class="badge confirmed">${t("versions.in_force")}</span>` : html`<button class="link-button" type="button" aria-label=${t("versions.use_one", { n: one.version })} onClick=${() => (setTyped(filled(text, one.sections)), say(t("versions.in_form")))}>${t("versions.use")}</button>`}</p>
            <p class="hint"><${When} at=${one.created_at} /> · ${t(one.created_by === null ? "versions.house" : one.created_by === user.value?.id ? "versions.you" : "versions.admin")}</p></li>`)}
        </ol></section>`}
      </div>
    </div>
    ${asking && html`<${Dialog} title=${t("texts.withdraw")} onClose=${() => setAsking(false)}><p>${t("texts.withdraw_ask")}</p>
      <div class="actions"><button class="button primary" type="button" onClick=${withdraw}>${t("people.do")}</button><button class="button" type="button" onClick=${() => setAsking(false)}>${t("action.back")}</button></div><//>`}`;
}

/**
 * How it looks, a moment after the typing stops. What does not fit is said at its part, and the last good look stays.
 * @param {{path: string, sections: Sections | null, language: string, onProblem: (problem: any) => void}} props
 */
function Preview({ path, sections, language, onProblem }) {
  const [examples, setExamples] = useState(/** @type {TextExample[] | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const [scene, setScene] = useState(0);
  const turn = useRef(0);
  const wanted = JSON.stringify(sections);
  const look = async () => {
    const mine = ++turn.current;
    try {
      const { examples: found } = await api.post(`${path}/preview`, sections ? { sections } : {});
      if (mine !== turn.current) return;
      setExamples(found);
      setError(null);
      onProblem(null);
    } catch (reason) {
      if (mine !== turn.current) return;
      setError(reason);
      if (reason instanceof Problem && reason.status === 422) onProblem(reason);
    }
  };
  useEffect(() => {
    const timer = setTimeout(look, examples ? TYPING_MS : 0);
    return () => clearTimeout(timer);
  }, [path, wanted]);
  const shown = examples?.[Math.min(scene, examples.length - 1)];
  return html`<section class="card preview-text" aria-labelledby="preview"><h2 id="preview">${t("texts.preview")}</h2>
    ${!examples && !error && html`<${Skeleton} rows=${2} />`}
    ${error && (examples || error.status === 422 ? html`<p class="notice pending">${t("texts.not_now")}</p>` : html`<${Failed} error=${error} retry=${look} />`)}
    ${examples && examples.length > 1 && html`<${Field} as="select" label=${t("texts.scene")} value=${String(scene)} onChange=${(/** @type {any} */ event) => setScene(Number(event.target.value))}>${examples.map((one, i) => html`<option key=${i} value=${String(i)}>${one.scene}</option>`)}<//>`}
    ${shown && html`<div class="stack tight" lang=${language}>
      ${shown.title && html`<p class="strong preview-title">${shown.title}</p>`}
      <${MailBody} key=${scene} text=${shown.text} html=${shown.html} />
    </div>`}
  </section>`;
}
