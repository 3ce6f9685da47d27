// Trying a rule on something that happened, as it stands in the form and before it is saved. Nothing is sent.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { about } from "../event.js";
import { Field, FormError } from "./form.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { When } from "./time.js";
import { DecisionCard, spoken } from "./trace.js";
import { PARTS } from "../rule.js";

/** @import { Happening, Page, Rehearsal as Outcome, RuleDraft } from "../types.js" */

const RECENT = 8;

/** @param {{draft: RuleDraft, onProblem: (problem: any) => void}} props onProblem: faults of the rule belong to the form */
export function Rehearsal({ draft, onProblem }) {
  const recent = useLoad(() => /** @type {Promise<Page<Happening>>} */ (api.get("/admin/events", { type: draft.on, limit: RECENT })), [draft.on]);
  const [pasted, setPasted] = useState("");
  const [chosen, setChosen] = useState(/** @type {string | null} */ (null));
  const [outcome, setOutcome] = useState(/** @type {Outcome | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const id = pasted.trim() || chosen || recent.data?.items[0]?.id || "";
  const run = async () => {
    setBusy(true);
    setProblem(null);
    onProblem(null);
    try {
      setOutcome(await api.post("/admin/rules/try", { event_id: id, rule: draft }));
    } catch (error) {
      setOutcome(null);
      setProblem(error);
      onProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return html`<section class="card rehearsal" aria-labelledby="try">
    <h2 id="try">${t("try.title")}</h2>
    <p class="soft">${t("try.lead")}</p>
    ${recent.loading && html`<${Skeleton} rows=${2} />`}
    ${recent.error && html`<${Failed} error=${recent.error} retry=${recent.retry} />`}
    ${recent.data && !recent.data.items.length && html`<p class="soft">${t("try.none")}</p>`}
    ${recent.data && recent.data.items.length > 0 && html`<fieldset class="picks">
      <legend>${t("try.recent")}</legend>
      ${recent.data.items.map((/** @type {Happening} */ one) => html`<label key=${one.id} class="check pick"><input type="radio" name="event" checked=${!pasted.trim() && one.id === id} onChange=${() => (setChosen(one.id), setPasted(""))} />
        <span>${about(one)} <span class="soft nowrap"><${When} at=${one.time} /></span></span></label>`)}
    </fieldset>`}
    <${Field} label=${t("try.paste")} value=${pasted} placeholder="0192d3a0-…" error=${problem?.at?.("/event_id")} onInput=${(/** @type {any} */ event) => setPasted(event.target.value)} />
    <div class="actions"><button class="button" type="button" disabled=${busy || !id} onClick=${run}><${Icon} name="search" size=${18} />${t(busy ? "state.loading" : "try.run")}</button></div>
    <${FormError} problem=${problem} known=${["/event_id", ...PARTS.map((part) => `/${part}`)]} />
    <div aria-live="polite" class="stack">${outcome && html`<${Shown} outcome=${outcome} />`}</div>
  </section>`;
}

/** @param {{outcome: Outcome}} props */
function Shown({ outcome }) {
  const { decisions, entries, messages, fault } = outcome;
  if (fault) return html`<p class="notice bad">${t("try.fault")} ${fault}</p>`;
  return html`
    ${!outcome.for_this_event && html`<p class="notice pending">${t("try.other_event")}</p>`}
    <p class="verdict">${decisions.length ? t("try.sum", { people: decisions.length, messages: messages.length, entries: entries.length }) : t("try.nobody")}</p>
    ${decisions.map((made, i) => html`<${DecisionCard} key=${i} made=${made} />`)}
    ${entries.length > 0 && html`<section><h3>${t("try.entries")}</h3>${entries.map((one, i) => html`<div key=${i} class="sent"><p class="hint">${one.user.name}</p><p class="strong">${one.title}</p><p class="prose">${one.body}</p></div>`)}</section>`}
    ${messages.length > 0 && html`<section><h3>${t("try.messages")}</h3>${messages.map((one, i) => html`<details key=${i} class="sent" open=${i === 0}>
      <summary><strong>${spoken(t(`channel.${one.channel}`), one.channel)}</strong><span class="soft">${one.user?.name}${one.rank > 0 && ` · ${t("explain.fallback", { n: one.rank })}`}</span></summary>
      <p class="hint">${t("explain.leaves")} <${When} at=${one.send_at} /></p>
      ${one.subject && html`<p class="strong">${one.subject}</p>`}<pre tabindex="0">${one.text}</pre>
    </details>`)}</section>`}`;
}
