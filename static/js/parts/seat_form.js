// Taking a seat of a group session, with an account or without one; once every seat is taken, waiting for one.
import { useRef } from "preact/hooks";
import { Problem, api, newKey } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { user } from "../session.js";
import { house, zone } from "../store.js";
import { Mode } from "./booking_row.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, useForm } from "./form.js";
import { When } from "./time.js";

/** @import { GroupSession } from "../types.js" */

const KNOWN = ["/guest/name", "/guest/email", "/guest/phone", "/note"];

/** @param {{session: GroupSession, next: string, onClose: () => void, onChange: () => void}} props */
export function SeatForm({ session, next, onClose, onChange }) {
  const form = useForm({ name: "", email: "", phone: "", note: "" });
  const sent = useRef({ body: "", key: "" });
  const { problem, values } = form;
  const guest = !user.value;
  const full = !session.left || (problem instanceof Problem && problem.slug === "session-full");
  const shut = guest && (full || !house.value.guest_bookings);
  const aside = encodeURIComponent(next);

  /** The same words again are the same request. @param {string} path @param {any} body */
  const post = (path, body) => {
    const text = path + JSON.stringify(body);
    if (sent.current.body !== text) sent.current = { body: text, key: newKey() };
    return api.post(path, body, { key: sent.current.key, public: guest });
  };
  const note = values.note.trim() ? { note: values.note.trim() } : {};
  const take = async () => {
    const { name, email, phone } = values;
    const who = { name: name.trim(), email: email.trim(), time_zone: zone.value, ...(phone.trim() ? { phone: phone.replace(/[\s().-]/g, "") } : {}) };
    const seat = { expert_id: session.expert.id, starts_at: session.starts_at, mode: session.mode, session_id: session.id, ...note };
    try {
      const booking = await post("/bookings", guest ? { ...seat, guest: who } : seat);
      go(guest ? `/b/${booking.manage_token}?booked=1` : `/bookings/${booking.id}?booked=1`, { replace: true });
    } catch (error) {
      // Somebody was faster, or it was moved: what is shown follows.
      onChange();
      throw error;
    }
  };
  const wait = async () => {
    const waiting = await post(`/sessions/${session.id}/waiting-list`, note);
    go(`/waiting?joined=${waiting.id}`);
  };
  return html`<${Dialog} title=${session.title} onClose=${onClose}>
    <form onSubmit=${form.submit(full ? wait : take)} novalidate>
      <div class="book-slot">
        <p class="book-when"><${When} at=${session.starts_at} until=${session.ends_at} other=${session.time_zone} /></p>
        <p class="row wrap soft"><${Mode} mode=${session.mode} />${session.place && html`<span>${session.place}</span>`}<span>${session.expert.name}</span></p>
        <p class="soft" aria-live="polite">${full ? t("session.full_lead") : t("session.left", { n: session.left, of: session.seats })}</p>
      </div>
      ${guest && html`<p>${t(full ? "session.sign_in_to_wait" : shut ? "guest.closed" : "guest.have_account")} <a href=${`/login?next=${aside}`}>${t("nav.login")}</a>${house.value.registration && html` · <a href=${`/register?next=${aside}`}>${t("nav.register")}</a>`}</p>`}
      ${guest && !shut && html`
        <${Field} label=${t("auth.name")} autocomplete="name" maxlength="100" required ...${form.bind("name", "/guest/name")} />
        <${Field} label=${t("auth.email")} type="email" autocomplete="email" hint=${t("guest.email_hint")} required ...${form.bind("email", "/guest/email")} />
        <${Field} label=${t("auth.phone")} type="tel" autocomplete="tel" hint=${t("auth.phone_hint")} optional=${t("form.optional")} ...${form.bind("phone", "/guest/phone")} />`}
      ${!shut && html`<${Field} as="textarea" label=${t("book.note")} hint=${t("book.note_hint")} optional=${t("form.optional")} rows="3" maxlength="2000" ...${form.bind("note")} />`}
      ${!(problem instanceof Problem && problem.slug === "session-full") && html`<${FormError} problem=${problem} known=${KNOWN} />`}
      <div class="actions">
        ${!shut && html`<button class="button primary" disabled=${form.busy}>${form.busy ? t("state.sending") : t(full ? "wait.join" : "session.take")}</button>`}
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}
