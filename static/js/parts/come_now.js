// Coming without an appointment: how the line of a branch is, and joining it.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { timesOf } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { keepTicket, secretOf, standingAs, ticketAt, ticketPath, useLine } from "../queue.js";
import { go } from "../router.js";
import { user } from "../session.js";
import { useSlots } from "../slots.js";
import { today } from "../time.js";
import { hoursOn } from "./branch_hours.js";
import { Estimate } from "./estimate.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { SignInLinks } from "./guest_fields.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Branch } from "../types.js" */
/** @import { Line } from "../queue.js" */

/** @param {{branch: Branch, skill?: string | null, next: string}} props next: where signing in comes back to */
export function ComeNow({ branch, skill = null, next }) {
  const line = useLine(branch.id);
  const free = useSlots(timesOf({ id: branch.id, branch: true }), { from: today(branch.time_zone), days: 1, time_zone: branch.time_zone });
  const [joining, setJoining] = useState(false);
  if (line.data?.reason === "off" || line.data?.reason === "inactive") return null;
  const ticket = ticketAt(branch.id);
  const full = free.data !== null && free.data.days.every((day) => !day.slots.length);
  return html`<section class=${full && line.data?.open ? "card come-now wanted" : "card come-now"} id="come-now" aria-labelledby="come-now-title">
    <h2 id="come-now-title">${t("queue.title")}</h2>
    ${line.loading && html`<${Skeleton} rows=${1} />`}
    ${line.error && html`<${Failed} error=${line.error} retry=${line.retry} />`}
    ${line.data && html`<${Standing} line=${line.data} branch=${branch} full=${full} />`}
    ${line.data && ticket && html`<div class="actions"><a class="button primary" href=${ticketPath(ticket.id, ticket.secret)}><${Icon} name="ticket" size=${18} />${t("queue.mine")}</a></div>`}
    ${line.data?.open && !ticket && !joining && html`<div class="actions"><button class=${full ? "button primary" : "button"} type="button" onClick=${() => setJoining(true)}><${Icon} name="plus" size=${18} />${t("queue.join")}</button></div>`}
    ${line.data?.open && !ticket && joining && html`<${JoinForm} branch=${branch} skill=${skill} next=${next} onBack=${() => setJoining(false)} onRefused=${line.refresh} />`}
  </section>`;
}

/** @param {{line: Line, branch: Branch, full: boolean}} props */
function Standing({ line, branch, full }) {
  if (!line.open) {
    const words = line.reason === "full" ? t("queue.full", { n: line.waiting }) : t("queue.closed", { hours: hoursOn(branch, today(branch.time_zone)) });
    return html`<p class="row"><${Icon} name=${line.reason === "full" ? "people" : "clock"} size=${18} /><span>${words}</span></p>`;
  }
  return html`
    ${full && html`<p>${t("queue.none_free")}</p>`}
    <dl class="come-facts">
      <div><dt>${t("queue.in_line")}</dt><dd><strong>${line.waiting ? t("queue.waiting", { n: line.waiting }) : t("queue.nobody")}</strong></dd></div>
      ${line.estimate && html`<div><dt>${t("queue.joining_now")}</dt><dd><${Estimate} estimate=${line.estimate} /></dd></div>`}
    </dl>`;
}

const POINTERS = ["/name", "/note"];

/** @param {{branch: Branch, skill: string | null, next: string, onBack: () => void, onRefused: () => void}} props */
function JoinForm({ branch, skill, next, onBack, onRefused }) {
  const guest = !user.value;
  const form = useForm({ name: "", note: "" });
  const keyOf = useWishKey();
  const [lost, setLost] = useState(0);
  const { problem, values } = form;
  const join = async () => {
    const body = { ...(guest ? { name: values.name.trim() } : {}), ...(skill ? { skill } : {}), ...(values.note.trim() ? { note: values.note.trim() } : {}) };
    try {
      const visit = await api.post(`/branches/${branch.id}/queue`, body, { key: keyOf(body), public: guest });
      // The secret is told once: whoever asks again because the first answer never came goes by their number.
      if (guest && !visit.secret) return setLost(visit.number);
      keepTicket(visit, visit.secret ?? null);
      go(ticketPath(visit.id, guest ? visit.secret : null));
    } catch (error) {
      onRefused();
      throw error;
    }
  };
  const already = standingAs(problem);
  if (lost) return html`<p class="notice pending" role="alert">${t("queue.number_only", { n: lost })}</p>`;
  return html`<form class="join" onSubmit=${form.submit(join)} novalidate>
    ${guest && html`<${Field} label=${t("queue.name")} hint=${t("queue.name_hint")} autocomplete="given-name" maxlength="100" required ...${form.bind("name")} />`}
    <${Field} as="textarea" label=${t("queue.note")} optional=${t("form.optional")} rows="2" maxlength="500" ...${form.bind("note")} />
    ${already ? html`<div class="notice pending" role="alert"><p>${t("queue.already")}</p><a class="button" href=${ticketPath(already, secretOf(already))}>${t("queue.mine")}</a></div>` : html`<${FormError} problem=${problem} known=${POINTERS} />`}
    <div class="actions">
      <button class="button primary" disabled=${form.busy || (guest && !values.name.trim())}>${form.busy ? t("state.sending") : t("queue.join")}</button>
      <button class="button" type="button" onClick=${onBack}>${t("action.back")}</button>
    </div>
    ${guest && html`<p class="hint"><${SignInLinks} words=${t("queue.have_account")} next=${next} /></p>`}
  </form>`;
}
