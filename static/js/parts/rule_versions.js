// Every version of a rule, and what changed between two of them.
import { useState } from "preact/hooks";
import { eventWords } from "../event.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { differing, draftOf } from "../rule.js";
import { user } from "../session.js";
import { When } from "./time.js";

/** @import { Rule, RuleDraft } from "../types.js" */

/** One part of a rule in words. @param {keyof RuleDraft} part @param {RuleDraft} rule */
function shown(part, rule) {
  const ways = (/** @type {string[]} */ list) => list.map((way) => t(`way.${way}`)).join(", ") || "–";
  switch (part) {
    case "on": return eventWords(rule.on);
    case "audience": return t(`audience.${rule.audience}`);
    case "category": return t(`category.${rule.category}`);
    case "class": return t(`class.${rule.class}`);
    case "page": return t(`rule_page.${rule.page}`);
    case "calendar": return rule.calendar ? t(`rule_calendar.${rule.calendar}`) : t("rules.calendar_none");
    case "channels": case "own": case "fallback": return ways(rule[part]);
    case "critical": case "inbox": case "enabled": return t(rule[part] ? "rules.yes" : "rules.no");
    default: return String(rule[part] ?? "–");
  }
}

/** @param {{one: RuleDraft, other: RuleDraft}} props */
export function RuleDifference({ one, other }) {
  const parts = differing(one, other);
  if (!parts.length) return html`<p class="soft">${t("versions.same")}</p>`;
  return html`<dl class="difference">${parts.map((part) => html`<div key=${part}><dt>${t(`part.${part}`)}</dt>
    <dd><del>${shown(part, one)}</del> <span aria-hidden="true">→</span> <ins>${shown(part, other)}</ins></dd></div>`)}</dl>`;
}

/** @param {{versions: Rule[], onUse: (draft: RuleDraft) => void}} props newest first; onUse: puts one into the form */
export function RuleVersions({ versions, onUse }) {
  const newest = versions[0].version;
  const [from, setFrom] = useState(versions[1]?.version ?? newest);
  const [to, setTo] = useState(newest);
  const at = (/** @type {number} */ number) => versions.find((one) => one.version === number) ?? versions[0];
  const select = (/** @type {string} */ label, /** @type {number} */ value, /** @type {(n: number) => void} */ set) => html`<label class="field"><span class="label">${label}</span>
    <select class="input" value=${String(value)} onChange=${(/** @type {any} */ event) => set(Number(event.target.value))}>${versions.map((one) => html`<option key=${one.version} value=${String(one.version)}>${t("rules.version", { n: one.version })}</option>`)}</select></label>`;
  return html`<section class="card stack" aria-labelledby="versions">
    <h2 id="versions">${t("versions.title")}</h2>
    <ol class="versions">${versions.map((one) => html`<li key=${one.version}>
      <p class="row wrap between"><strong>${t("rules.version", { n: one.version })}</strong>${one.version === newest ? html`<span class="badge confirmed">${t("versions.in_force")}</span>` : html`<button class="link-button" type="button" aria-label=${t("versions.use_one", { n: one.version })} onClick=${() => onUse(draftOf(one))}>${t("versions.use")}</button>`}</p>
      <p class="hint"><${When} at=${one.created_at} /> · ${t(one.created_by === null ? "versions.house" : one.created_by === user.value?.id ? "versions.you" : "versions.admin")}</p>
    </li>`)}</ol>
    ${versions.length > 1 && html`<div class="stack tight" data-compare>
      <h3>${t("versions.compare")}</h3>
      <div class="form-grid">${select(t("versions.from"), from, setFrom)}${select(t("versions.to"), to, setTo)}</div>
      <${RuleDifference} one=${at(from)} other=${at(to)} />
    </div>`}
  </section>`;
}
