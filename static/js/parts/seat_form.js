// Taking a seat of a group session, with an account or without one; once every seat is taken, waiting for one.
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { user } from "../session.js";
import { house } from "../store.js";
import { Mode } from "./booking_row.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { GUEST_POINTERS, GuestFields, SignInLinks, asGuest } from "./guest_fields.js";
import { When } from "./time.js";

/** @import { GroupSession } from "../types.js" */

const KNOWN = [...GUEST_POINTERS, "/note"];

/** @param {{session: GroupSession, next: string, onClose: () => void, onChange: () => void}} props */
export function SeatForm({ session, next, onClose, onChange }) {
  const form = useForm({ name: "", email: "", phone: "", note: "" });
  const keyOf = useWishKey();
  const { problem, values } = form;
  const guest = !user.value;
  const full = !session.left || (problem instanceof Problem && problem.slug === "session-full");
  const shut = guest && (full || !house.value.guest_bookings);

  /** @param {string} path @param {any} body */
  const post = (path, body) => api.post(path, body, { key: keyOf([path, body]), public: guest });
  const note = values.note.trim() ? { note: values.note.trim() } : {};
  const take = async () => {
    const seat = { expert_id: session.expert.id, starts_at: session.starts_at, mode: session.mode, session_id: session.id, ...note };
    try {
      const booking = await post("/bookings", guest ? { ...seat, guest: asGuest(values) } : seat);
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
      ${guest && html`<p><${SignInLinks} words=${t(full ? "session.sign_in_to_wait" : shut ? "guest.closed" : "guest.have_account")} next=${next} /></p>`}
      ${guest && !shut && html`<${GuestFields} bind=${form.bind} />`}
      ${!shut && html`<${Field} as="textarea" label=${t("book.note")} hint=${t("book.note_hint")} optional=${t("form.optional")} rows="3" maxlength="2000" ...${form.bind("note")} />`}
      ${!(problem instanceof Problem && problem.slug === "session-full") && html`<${FormError} problem=${problem} known=${KNOWN} />`}
      <div class="actions">
        ${!shut && html`<button class="button primary" disabled=${form.busy}>${form.busy ? t("state.sending") : t(full ? "wait.join" : "session.take")}</button>`}
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}
