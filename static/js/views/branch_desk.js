// The desk of a branch: the line with names, who is free, and everything that is done with somebody by one press.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { runs } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { setShortcuts, shortcuts, useKeys } from "../keys.js";
import { useLoad } from "../load.js";
import { Estimate } from "../parts/estimate.js";
import { Heard } from "../parts/heard.js";
import { Icon } from "../parts/icon.js";
import { LineExperts } from "../parts/line_experts.js";
import { DEEDS, LOOKS, LineRow } from "../parts/line_row.js";
import { Empty, Failed, Skeleton, explain } from "../parts/states.js";
import { AddVisit, CheckIn, TransferVisit } from "../parts/visit_forms.js";
import { nextFor, useLine, useNow } from "../queue.js";
import { user } from "../session.js";
import { onResync, onTopic } from "../socket.js";
import { connection, say } from "../store.js";

/** @import { Branch, Expert } from "../types.js" */
/** @import { Visit } from "../queue.js" */
/** @import { Deed } from "../parts/line_row.js" */

const TICK_MS = 20_000;

/** @param {{params: {id: string}, query: URLSearchParams}} props */
export default function BranchDesk({ params: { id }, query }) {
  const place = useLoad(async () => /** @type {Branch} */ (await api.get(`/branches/${id}`)), [id]);
  const people = useLoad(async () => /** @type {Expert[]} */ ((await api.get("/experts", { branch_id: id, limit: 100 })).items), [id]);
  const line = useLine(id);
  const desk = useDeeds(line.refresh);
  const [dialog, setDialog] = useState(/** @type {"add" | "check-in" | Visit | null} */ (null));
  const [chosenId, setChosen] = useState(query.get("visit"));
  useNow(TICK_MS);
  useEffect(() => {
    const stops = [onTopic(`branch:${id}:presence`, people.refresh), onResync(people.refresh)];
    return () => stops.forEach((stop) => stop());
  }, [id, people.refresh]);

  const visits = line.data?.visits ?? [];
  const experts = people.data ?? [];
  const chosen = visits.find((visit) => visit.id === chosenId) ?? visits.find((visit) => visit.state !== "waiting") ?? visits[0];
  const me = user.value;
  const mayCall = (/** @type {Expert} */ expert) => me?.role !== "expert" || expert.id === me.id;
  const call = (/** @type {Expert} */ expert, /** @type {Visit | undefined} */ visit = nextFor(visits, expert)) => visit && desk.act(visit, "accept", me?.id === expert.id ? {} : { expert_id: expert.id });
  // Who is there comes before who is not.
  const ready = experts.filter(mayCall).sort((a, b) => Number(b.presence === "online") - Number(a.presence === "online"));
  const callNext = () => {
    const expert = ready.find((one) => nextFor(visits, one));
    if (expert) call(expert);
  };
  const doing = (/** @type {Visit} */ visit, /** @type {Deed} */ deed) => {
    setChosen(visit.id);
    if (deed === "transfer") return setDialog(visit);
    if (deed !== "accept") return desk.act(visit, deed);
    const expert = visit.state === "offered" ? experts.find((one) => one.id === visit.expert?.id) : ready.find((one) => nextFor([visit, ...visits.filter((other) => other.state !== "waiting")], one));
    if (expert && mayCall(expert)) call(expert, visit);
    else desk.refuse(visit, t("desk.nobody_free"));
  };
  const step = (/** @type {number} */ by) => {
    const to = visits[Math.min(visits.length - 1, Math.max(0, visits.findIndex((visit) => visit.id === chosen?.id) + by))];
    if (!to) return;
    setChosen(to.id);
    document.querySelector(`[data-visit="${to.id}"]`)?.scrollIntoView({ block: "nearest" });
  };
  const byKey = Object.fromEntries(Object.entries(LOOKS).map(([deed, [, key]]) => [key, () => chosen && DEEDS[chosen.state]?.includes(/** @type {Deed} */ (deed)) && !desk.busy && doing(chosen, /** @type {Deed} */ (deed))]));
  useKeys({ ...byKey, n: callNext, a: () => setDialog("add"), i: () => setDialog("check-in"), arrowdown: () => step(1), arrowup: () => step(-1) });

  const failed = place.error ?? line.error ?? people.error;
  if (failed) return html`<${Failed} page error=${failed} retry=${() => [place, line, people].forEach((one) => one.error && one.retry())} />`;
  if (place.loading || line.loading || people.loading || !place.data || !line.data) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (!line.data.visits) return html`<${Empty} page icon="ban" title=${t("denied.title")} text=${t("denied.text")}><a class="button" href=${`/branches/${id}`}>${t("branch.view")}</a><//>`;

  const now = visits.filter((visit) => visit.state !== "waiting");
  const later = visits.filter((visit) => visit.state === "waiting");
  const next = ready.map((expert) => nextFor(visits, expert)).find(Boolean);
  const row = (/** @type {Visit} */ visit) => html`<${LineRow} key=${visit.id} visit=${visit} chosen=${visit.id === chosen?.id} busy=${desk.busy === visit.id} fault=${desk.faults.get(visit.id)} showKeys=${shortcuts.value} onChoose=${() => setChosen(visit.id)} onDo=${(/** @type {Deed} */ deed) => doing(visit, deed)} />`;
  const gone = [...desk.faults].filter(([visitId]) => !visits.some((visit) => visit.id === visitId));
  const key = (/** @type {string} */ name) => shortcuts.value && html` <kbd aria-hidden="true">${name}</kbd>`;
  return html`
    <header class="page-head">
      <div class="row wrap between"><h1>${t("desk.of", { name: place.data.name })}</h1>
        <p class="row wrap">${runs(id) && html`<a class="button small" href=${`/branches/${id}/day`}><${Icon} name="calendar" size=${16} />${t("day.title")}</a>`}<a class="button small" href=${`/branches/${id}/board`} target="_blank"><${Icon} name="system" size=${16} />${t("board.open")}</a><a class="button small" href=${`/branches/${id}`}>${t("branch.view")}</a></p></div>
      <p class="row wrap meta soft"><span>${t("queue.waiting", { n: line.data.waiting })}</span>${line.data.estimate && html`<span>${t("desk.joining")} <${Estimate} estimate=${line.data.estimate} /></span>`}${!line.data.open && html`<span class="badge cancelled">${t(`desk.closed_${line.data.reason ?? "hours"}`)}</span>`}<${Heard} at=${line.at} failing=${line.failing} live=${connection.value === "live"} /></p>
      <div class="actions">
        <button class="button primary" type="button" disabled=${!next || Boolean(desk.busy)} onClick=${callNext}><${Icon} name="bell" size=${18} />${next ? t("desk.call_next", { number: next.number }) : t(later.length ? "desk.nobody_ready" : "desk.call_nobody")}${key("N")}</button>
        <button class="button" type="button" onClick=${() => setDialog("add")}><${Icon} name="plus" size=${18} />${t("desk.add")}${key("A")}</button>
        <button class="button" type="button" onClick=${() => setDialog("check-in")}><${Icon} name="ticket" size=${18} />${t("desk.check_in")}${key("I")}</button>
      </div>
      ${gone.length > 0 && html`<div class="notice bad" role="alert">${gone.map(([visitId, text]) => html`<p key=${visitId}>${text}</p>`)}<button class="button small" type="button" onClick=${desk.clear}>${t("action.close")}</button></div>`}
    </header>
    <div class="columns main-aside desk">
      <div class="stack">
        ${now.length > 0 && html`<section aria-labelledby="desk-now"><h2 id="desk-now">${t("desk.now")}</h2><ul class="list">${now.map(row)}</ul></section>`}
        <section aria-labelledby="desk-line"><h2 id="desk-line">${t("desk.line")}${later.length > 0 && html` <span class="soft">${later.length}</span>`}</h2>
          ${later.length === 0 && html`<div class="card"><${Empty} icon="people" title=${t("queue.nobody")} text=${t("desk.nobody_text")} /></div>`}
          <ul class="list" aria-live="polite" aria-relevant="additions">${later.map(row)}</ul></section>
      </div>
      <div class="stack">
        <section class="card" aria-labelledby="desk-people"><h2 id="desk-people">${t("branch.people")}</h2><${LineExperts} experts=${experts} visits=${visits} busy=${Boolean(desk.busy)} mayCall=${mayCall} onCall=${call} /></section>
        <section class="card" aria-labelledby="desk-keys"><h2 id="desk-keys">${t("desk.keys")}</h2>
          <label class="check"><input type="checkbox" checked=${shortcuts.value} onChange=${(/** @type {any} */ event) => setShortcuts(event.target.checked)} /><span>${t("desk.keys_on")}</span></label>
          ${shortcuts.value && html`<dl class="key-list"><div><dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>${t("desk.keys_choose")}</dd></div>${Object.entries(LOOKS).map(([deed, [, name]]) => html`<div key=${deed}><dt><kbd>${name.toUpperCase()}</kbd></dt><dd>${t(`desk.do_${deed.replace("-", "_")}`)}</dd></div>`)}</dl>`}
        </section>
      </div>
    </div>
    ${dialog === "add" && html`<${AddVisit} branch=${place.data} experts=${experts} onClose=${() => setDialog(null)} onDone=${line.refresh} />`}
    ${dialog === "check-in" && html`<${CheckIn} branch=${place.data} onClose=${() => setDialog(null)} onDone=${line.refresh} />`}
    ${dialog && typeof dialog === "object" && html`<${TransferVisit} visit=${dialog} onClose=${() => setDialog(null)} onDone=${line.refresh} />`}`;
}

/** Doing something with a visit: what is refused is told where it was asked for, and the line is read again. @param {() => void} refresh */
function useDeeds(refresh) {
  const [busy, setBusy] = useState(/** @type {string | null} */ (null));
  const [faults, setFaults] = useState(/** @type {Map<string, string>} */ (new Map()));
  const refuse = (/** @type {Visit} */ visit, /** @type {string | null} */ text) =>
    setFaults((old) => {
      const rest = new Map(old);
      if (text) rest.set(visit.id, text);
      else rest.delete(visit.id);
      return rest;
    });
  const act = async (/** @type {Visit} */ visit, /** @type {Exclude<Deed, "transfer">} */ deed, /** @type {object} */ body = {}) => {
    setBusy(visit.id);
    refuse(visit, null);
    try {
      await api.post(`/visits/${visit.id}/${deed}`, body);
      // Whoever did not come may stand there after all.
      if (deed === "no-show") say(t("desk.no_showed", { name: visit.name }), { action: { label: t("action.undo"), run: () => act({ ...visit, state: "no_show" }, "recall") } });
    } catch (error) {
      refuse(visit, t("desk.refused", { name: visit.name, why: explain(error) }));
    }
    setBusy(null);
    refresh();
  };
  return { busy, faults, act, refuse, clear: () => setFaults(new Map()) };
}
