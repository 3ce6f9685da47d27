// The ticket: one's place in a branch's line, on the phone in one's hand. An account opens its own; a guest's address
// has a secret behind the #, which this device keeps, so that a reload finds it.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Problem, api, apiAs } from "../api.js";
import { alerts, ring, setAlerts } from "../alert.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { CopyButton } from "../parts/copy_button.js";
import { Dialog } from "../parts/dialog.js";
import { Heard } from "../parts/heard.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Skeleton, explain } from "../parts/states.js";
import { NextSteps, Ticket } from "../parts/ticket.js";
import { isOver, keepTicket, secretOf, ticketPath, useVisit, worksAt } from "../queue.js";
import { go } from "../router.js";
import { user } from "../session.js";
import { connection } from "../store.js";

/** @import { Branch } from "../types.js" */
/** @import { Visit } from "../queue.js" */
/** @import { Answer } from "../parts/ticket.js" */

/** @param {{params: {id: string}, path: string}} props */
export default function VisitPage({ params: { id }, path }) {
  const guest = path.startsWith("/q/");
  const secret = useMemo(() => (guest ? location.hash.slice(1) || secretOf(id) : null), [id, guest]);
  if (guest && !secret) return html`<${Unknown} />`;
  return html`<${Visiting} id=${id} secret=${secret} />`;
}

const Unknown = () => html`<${Empty} page icon="ticket" title=${t("visit.unknown")} text=${t("visit.unknown_text")}><a class="button primary" href="/branches">${t("branches.title")}</a><//>`;

/** @param {{id: string, secret: string | null}} props */
function Visiting({ id, secret }) {
  const via = useMemo(() => (secret ? apiAs(secret) : api), [secret]);
  const page = useVisit(id, via, Boolean(secret));
  const visit = page.data;
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState(/** @type {string | null} */ (null));
  const [leaving, setLeaving] = useState(false);
  const branch = useLoad(async () => (visit ? /** @type {Branch} */ (await api.get(`/branches/${visit.branch.id}`)) : null), [visit?.branch.id]);
  useRinging(visit);
  const mine = Boolean(visit && (secret || visit.client?.id === user.value?.id));
  const over = Boolean(visit && isOver(visit));
  useEffect(() => {
    if (visit && mine) keepTicket(visit, secret);
  }, [id, secret, mine, over, visit?.branch.id]);
  // Word of a visit leads staff here, too; what they do with it they do at the desk.
  const desk = visit && !mine && worksAt(visit.branch.id) ? `/branches/${visit.branch.id}/desk?visit=${id}` : null;
  useEffect(() => {
    if (desk) go(desk, { replace: true });
  }, [desk]);

  if (page.loading) return html`<div class="narrow"><${Skeleton} kind="page" rows=${3} /></div>`;
  if (page.error instanceof Problem && [401, 404].includes(page.error.status)) return html`<${Unknown} />`;
  if (desk) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (page.error || !visit) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;

  const answer = async (/** @type {Answer} */ what) => {
    setBusy(true);
    setFault(null);
    try {
      page.set(await via.post(`/visits/${id}/${what}`));
      setLeaving(false);
    } catch (error) {
      setLeaving(false);
      setFault(explain(error));
      page.refresh();
    }
    setBusy(false);
  };
  const may = ["waiting", "offered", "called"].includes(visit.state);
  return html`<div class="narrow">
    <h1 class="sr-only">${t("visit.title")} ${visit.number}</h1>
    <${Ticket} visit=${visit} busy=${busy} place=${branch.data?.address} onAnswer=${answer} onEnd=${page.refresh}>
      ${fault && html`<p class="notice bad" role="alert">${fault}</p>`}
      ${over && html`<${Ended} visit=${visit} secret=${secret} />`}
    <//>
    ${!over && html`<${Heard} at=${page.at} failing=${page.failing} live=${!secret && connection.value === "live"} />`}
    <${NextSteps} visit=${visit} />
    ${!over && html`<div class="stack">
      ${visit.state !== "serving" && html`<label class="check"><input type="checkbox" checked=${alerts.value} onChange=${(/** @type {any} */ event) => setAlerts(event.target.checked)} /><span>${t("visit.alert")}<br /><span class="hint">${t("visit.alert_hint")}</span></span></label>`}
      <div class="actions">
        ${secret && html`<${CopyButton} text=${location.origin + ticketPath(id, secret)} label=${t("visit.copy")} />`}
        ${may && html`<button class="button quiet-danger" type="button" onClick=${() => setLeaving(true)}><${Icon} name="out" size=${18} />${t("visit.leave")}</button>`}
      </div>
    </div>`}
    ${leaving && html`<${Dialog} title=${t("visit.leave_title")} onClose=${() => setLeaving(false)}>
      <p>${t("visit.leave_text")}</p>
      <div class="actions">
        <button class="button danger" type="button" disabled=${busy} onClick=${() => answer("leave")}>${t("visit.leave")}</button>
        <button class="button" type="button" onClick=${() => setLeaving(false)}>${t("visit.stay")}</button>
      </div>
    <//>`}
  </div>`;
}

/** Rings when it becomes one's turn while the page is open. @param {Visit | null} visit */
function useRinging(visit) {
  const before = useRef(visit?.state);
  useEffect(() => {
    const turn = visit?.state === "offered" || visit?.state === "called";
    if (turn && before.current && before.current !== visit.state && alerts.peek()) ring();
    if (visit) before.current = visit.state;
  }, [visit?.state]);
}

/** @param {{visit: Visit, secret: string | null}} props */
function Ended({ visit, secret }) {
  const branch = `/branches/${visit.branch.id}`;
  if (visit.state === "transferred" && visit.transferred_to) return html`<div class="actions"><a class="button primary" href=${ticketPath(visit.transferred_to, secret)}><${Icon} name="right" size=${18} />${t("visit.go_on")}</a></div>`;
  return html`<div class="actions">
    ${visit.state === "done" && visit.booking_id && !secret && html`<a class="button primary" href=${`/bookings/${visit.booking_id}`}><${Icon} name="star" size=${18} />${t("visit.review")}</a>`}
    ${visit.state !== "done" && html`<a class="button primary" href=${branch}><${Icon} name="retry" size=${18} />${t("visit.again")}</a>`}
    <a class="button" href=${branch}><${Icon} name="calendar" size=${18} />${t("visit.book")}</a>
  </div>`;
}
