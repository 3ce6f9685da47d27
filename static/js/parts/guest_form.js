// Booking a chosen slot without an account: who it is, and the one button. Whoever has an account signs in instead and
// comes right back here.
import { useEffect, useRef } from "preact/hooks";
import { Problem, api } from "../api.js";
import { target } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { house } from "../store.js";
import { formatLength } from "../time.js";
import { Alternatives } from "./alternatives.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { GUEST_POINTERS, GuestFields, SignInLinks, asGuest } from "./guest_fields.js";
import { Icon } from "./icon.js";
import { ModeChoice } from "./mode_choice.js";
import { When } from "./time.js";

/** @import { Host } from "../branch.js" */
/** @import { Slot } from "../types.js" */

/** What was typed, for when another time has to be chosen; no mode before one was chosen. */
let draft = { name: "", email: "", phone: "", note: "", mode: "" };

const POINTERS = [...GUEST_POINTERS, "/note", "/mode"];

/** @param {{expert: Host, startsAt: string, minutes: number, next: string, onBack: () => void, onPick: (slot: Slot) => void}} props */
export function GuestForm({ expert, startsAt, minutes, next, onBack, onPick }) {
  const form = useForm({ ...draft, mode: draft.mode || (expert.branch ? "offline" : "online") });
  const keyOf = useWishKey();
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const endsAt = new Date(Date.parse(startsAt) + minutes * 60_000).toISOString();
  draft = form.values;

  const book = async () => {
    const { note, mode } = form.values;
    const body = {
      ...target(expert),
      starts_at: startsAt,
      minutes,
      mode,
      ...(note.trim() ? { note: note.trim() } : {}),
      guest: asGuest(form.values),
    };
    const booking = await api.post("/bookings", body, { key: keyOf(body), public: true });
    draft = { ...form.values, note: "" };
    go(`/b/${booking.manage_token}?booked=1`, { replace: true });
  };

  // On a phone the form opens above what was pressed, so it comes into view, and its heading is read.
  useEffect(() => {
    title.current?.focus({ preventScroll: true });
    title.current?.closest(".book")?.scrollIntoView({ block: "nearest" });
  }, []);

  const { problem } = form;
  const taken = problem instanceof Problem && problem.slug === "slot-taken";
  const auto = expert.booking_rules.auto_confirm;
  return html`<section class="book" aria-labelledby="book-title">
    <button class="link-button back" type="button" onClick=${onBack}><${Icon} name="left" size=${18} />${t("book.back")}</button>
    <h2 id="book-title" tabindex="-1" ref=${title}>${t("book.title")}</h2>
    <div class="book-slot">
      <p class="book-when"><${When} at=${startsAt} until=${endsAt} other=${expert.time_zone} /></p>
      <p class="soft">${formatLength(minutes)} · ${expert.name}</p>
    </div>
    ${taken && html`<${Alternatives} slots=${problem.body.alternatives ?? []} other=${expert.time_zone} onPick=${onPick}>
      <button class="link-button" type="button" onClick=${onBack}>${t("taken.all")}</button>
    <//>`}
    ${!taken && !house.value.guest_bookings && html`<p class="notice"><${SignInLinks} words=${t("guest.closed")} next=${next} /></p>`}
    ${!taken && house.value.guest_bookings && html`<p class="guest-or"><${Icon} name="user" size=${18} /><${SignInLinks} words=${t("guest.have_account")} next=${next} /></p>
      <form onSubmit=${form.submit(book)} novalidate>
        <${GuestFields} bind=${form.bind} />
        <${ModeChoice} value=${form.values.mode} onChange=${(/** @type {string} */ mode) => form.set({ mode })} />
        <${Field} as="textarea" label=${t("book.note")} hint=${t("book.note_hint")} optional=${t("form.optional")} rows="3" maxlength="2000" ...${form.bind("note")} />
        <${FormError} problem=${problem} known=${POINTERS} />
        <div class="actions">
          <button class="button primary" disabled=${form.busy}>${form.busy ? t("state.sending") : auto ? t("book.send_auto") : t("book.send")}</button>
          <p class="hint">${auto ? t("book.hint_auto") : t("book.hint")}</p>
        </div>
      </form>`}
  </section>`;
}
