// The group sessions of an expert: offering one, changing it, who comes, and calling it off.
import { useEffect, useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad, usePages } from "../load.js";
import { BookingRow } from "../parts/booking_row.js";
import { Desk } from "../parts/desk.js";
import { Dialog } from "../parts/dialog.js";
import { Field, FormError, useForm, useWishKey } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { ModeChoice } from "../parts/mode_choice.js";
import { SessionRow } from "../parts/session_row.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { setQuery } from "../router.js";
import { useSessions } from "../sessions.js";
import { onNews } from "../socket.js";
import { say } from "../store.js";
import { formatWhen, instantOf, today, wallClock } from "../time.js";

/** @import { Booking, Expert, GroupSession, Page } from "../types.js" */

/** @param {{query: URLSearchParams}} props */
export default ({ query }) => html`<${Desk} query=${query} title=${t("session.title")}>${(/** @type {Expert} */ expert, /** @type {any} */ picker) => html`<${Sessions} key=${expert.id} expert=${expert} picker=${picker} open=${query.get("open")} />`}<//>`;

/** @param {{expert: Expert, picker: any, open: string | null}} props */
function Sessions({ expert, picker, open }) {
  const pages = useSessions(expert.id);
  const [editing, setEditing] = useState(/** @type {GroupSession | "new" | null} */ (null));
  const [ending, setEnding] = useState(/** @type {GroupSession | null} */ (null));
  const done = () => {
    setEditing(null);
    setEnding(null);
    pages.refresh();
  };
  return html`
    <header class="page-head">
      <div class="row wrap between"><h1>${t("session.title")}</h1><button class="button primary" type="button" onClick=${() => setEditing("new")}><${Icon} name="plus" size=${18} />${t("session.offer")}</button></div>
      <p class="soft">${t("session.lead")}</p>${picker}
    </header>
    ${pages.loading && html`<${Skeleton} rows=${3} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="people" title=${t("session.none")} text=${t("session.none_text")} />`}
    ${pages.items.length > 0 && html`<ul class="list">${pages.items.map((/** @type {GroupSession} */ session) => html`<${SessionRow} key=${session.id} session=${session}>
      <div class="actions">
        <button class="button small" type="button" aria-expanded=${open === session.id ? "true" : "false"} onClick=${() => setQuery({ open: open === session.id ? null : session.id })}><${Icon} name="people" size=${18} />${t("session.who")}</button>
        <button class="button small" type="button" onClick=${() => setEditing(session)}><${Icon} name="edit" size=${18} />${t("act.edit")}</button>
        <button class="button small quiet-danger" type="button" onClick=${() => setEnding(session)}><${Icon} name="cross" size=${18} />${t("session.cancel")}</button>
      </div>
      ${open === session.id && html`<${Attendees} session=${session} />`}
    <//>`)}</ul><${More} pages=${pages} />`}
    ${editing && html`<${SessionForm} expert=${expert} session=${editing === "new" ? null : editing} onClose=${() => setEditing(null)} onDone=${done} />`}
    ${ending && html`<${CallOff} session=${ending} onClose=${() => setEnding(null)} onDone=${done} />`}`;
}

/** @param {{session: GroupSession}} props */
function Attendees({ session }) {
  const read = (/** @type {string | null} */ after, /** @type {number} */ limit) => /** @type {Promise<Page<Booking>>} */ (api.get("/bookings", { session_id: session.id, status: "pending,confirmed,completed,missed", sort: "starts_at", after, limit }));
  const pages = usePages(read, [session.id, session.taken, session.starts_at]);
  useEffect(() => onNews((one) => void (one.data?.booking_id && pages.refresh())), [pages.refresh]);
  return html`
    ${pages.loading && html`<${Skeleton} rows=${2} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<p class="hint">${t("session.nobody")}</p>`}
    ${pages.items.length > 0 && html`<ul class="list attendees">${pages.items.map((/** @type {Booking} */ booking) => html`<${BookingRow} key=${booking.id} booking=${booking} />`)}</ul>`}
    <${More} pages=${pages} />`;
}

/** @param {{expert: Expert, session: GroupSession | null, onClose: () => void, onDone: () => void}} props */
function SessionForm({ expert, session, onClose, onDone }) {
  // The link is shown to those who run it alone, so the list does not have it.
  const page = useLoad(async () => (session ? api.read(`/sessions/${session.id}`) : null), [session?.id]);
  return html`<${Dialog} title=${t(session ? "session.edit" : "session.offer")} onClose=${onClose}>
    ${page.loading && html`<${Skeleton} rows=${4} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${!page.loading && !page.error && html`<${Fields} expert=${expert} session=${page.data?.data ?? null} etag=${page.data?.etag ?? null} onClose=${onClose} onDone=${onDone} />`}
  <//>`;
}

const KNOWN = ["/title", "/description", "/starts_at", "/minutes", "/seats", "/place", "/link"];

/** @param {{expert: Expert, session: GroupSession | null, etag: string | null, onClose: () => void, onDone: () => void}} props */
function Fields({ expert, session, etag, onClose, onDone }) {
  const { time_zone: zone } = session ?? expert;
  const form = useForm({
    title: session?.title ?? "",
    description: session?.description ?? "",
    starts: session ? wallClock(session.starts_at, zone).slice(0, 16) : "",
    minutes: String(session?.minutes ?? 60),
    seats: String(session?.seats ?? 10),
    mode: session?.mode ?? "online",
    place: session?.place ?? "",
    link: session?.link ?? "",
    auto_confirm: session?.auto_confirm ?? true,
  });
  const keyOf = useWishKey();
  const { values, problem } = form;
  const send = async () => {
    const text = (/** @type {string} */ value) => value.trim() || null;
    const body = {
      title: values.title.trim(),
      description: text(values.description),
      starts_at: instantOf(values.starts, zone),
      minutes: Number(values.minutes),
      seats: Number(values.seats),
      mode: values.mode,
      place: text(values.place),
      link: text(values.link),
      auto_confirm: values.auto_confirm,
    };
    if (session) await api.write("PATCH", `/sessions/${session.id}`, body, etag);
    else await api.post(`/experts/${expert.id}/sessions`, body, { key: keyOf(body) });
    say(t(session ? "session.saved" : "session.offered"), { tone: "good" });
    onDone();
  };
  const busy = problem instanceof Problem && problem.slug === "clients-busy" ? problem.body.clients.map((/** @type {{name: string}} */ one) => one.name).join(", ") : "";
  return html`<form onSubmit=${form.submit(send)} novalidate>
    <${Field} label=${t("session.name")} required maxlength="120" ...${form.bind("title")} />
    <${Field} as="textarea" label=${t("session.description")} optional=${t("form.optional")} rows="3" maxlength="2000" ...${form.bind("description")} />
    <div class="pair">
      <${Field} label=${t("session.starts")} hint=${t("session.starts_hint", { zone })} type="datetime-local" required min=${`${today(zone)}T00:00`} ...${form.bind("starts", "/starts_at")} />
      <${Field} label=${t("session.minutes")} type="number" inputmode="numeric" required min="1" max="1440" ...${form.bind("minutes")} />
      <${Field} label=${t("session.seats")} hint=${session ? t("session.seats_hint", { n: session.taken }) : undefined} type="number" inputmode="numeric" required min=${Math.max(1, session?.taken ?? 1)} max="500" ...${form.bind("seats")} />
    </div>
    <${ModeChoice} value=${values.mode} onChange=${(/** @type {any} */ mode) => form.set({ mode })} />
    ${values.mode === "offline"
      ? html`<${Field} label=${t("booking.place")} optional=${t("form.optional")} maxlength="300" ...${form.bind("place")} />`
      : html`<${Field} label=${t("booking.link")} hint=${t("session.link_hint")} optional=${t("form.optional")} type="url" maxlength="500" ...${form.bind("link")} />`}
    <label class="check"><input type="checkbox" checked=${values.auto_confirm} onChange=${(/** @type {any} */ event) => form.set({ auto_confirm: event.target.checked })} /><span>${t("session.auto")}</span></label>
    <${FormError} problem=${problem} known=${KNOWN} />
    ${busy && html`<p class="error">${t("session.busy", { names: busy })}</p>`}
    <div class="actions">
      <button class="button primary" disabled=${form.busy || !values.title.trim() || !values.starts}>${form.busy ? t("state.sending") : t(session ? "action.save" : "session.offer")}</button>
      <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
    </div>
  </form>`;
}

/** @param {{session: GroupSession, onClose: () => void, onDone: () => void}} props */
function CallOff({ session, onClose, onDone }) {
  const form = useForm({ reason: "" });
  const end = async () => {
    await api.post(`/sessions/${session.id}/cancel`, { reason: form.values.reason.trim() });
    say(t("session.called_off"));
    onDone();
  };
  return html`<${Dialog} title=${t("session.cancel")} onClose=${onClose}>
    <form onSubmit=${form.submit(end)} novalidate>
      <p>${t("session.cancel_lead", { title: session.title, when: formatWhen(session.starts_at, session.time_zone), n: session.taken })}</p>
      <${Field} as="textarea" label=${t("act.reason")} required rows="3" maxlength="500" ...${form.bind("reason")} />
      <${FormError} problem=${form.problem} known=${["/reason"]} />
      <div class="actions">
        <button class="button danger" disabled=${form.busy || !form.values.reason.trim()}>${form.busy ? t("state.sending") : t("session.cancel")}</button>
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}
