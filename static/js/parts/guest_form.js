// Booking a chosen slot without an account: who it is, and the one button. Whoever has an account signs in instead and
// comes right back here.
import { useEffect, useRef } from "preact/hooks";
import { Problem, api } from "../api.js";
import { target } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { house, zone } from "../store.js";
import { formatLength } from "../time.js";
import { Alternatives } from "./alternatives.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { Icon } from "./icon.js";
import { ModeChoice } from "./mode_choice.js";
import { When } from "./time.js";

/** @import { Host } from "../branch.js" */
/** @import { Slot } from "../types.js" */

/** What was typed, for when another time has to be chosen. @type {Record<string, string>} */
let draft = { name: "", email: "", phone: "", note: "", mode: "online" };

const POINTERS = ["/guest/name", "/guest/email", "/guest/phone", "/note", "/mode"];

/** @param {{expert: Host, startsAt: string, minutes: number, next: string, onBack: () => void, onPick: (slot: Slot) => void}} props */
export function GuestForm({ expert, startsAt, minutes, next, onBack, onPick }) {
  const form = useForm(draft);
  const keyOf = useWishKey();
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const endsAt = new Date(Date.parse(startsAt) + minutes * 60_000).toISOString();
  draft = form.values;

  const book = async () => {
    const { name, email, phone, note, mode } = form.values;
    const body = {
      ...target(expert),
      starts_at: startsAt,
      minutes,
      mode,
      ...(note.trim() ? { note: note.trim() } : {}),
      guest: { name: name.trim(), email: email.trim(), time_zone: zone.value, ...(phone.trim() ? { phone: phone.replace(/[\s().-]/g, "") } : {}) },
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
  const aside = encodeURIComponent(next);
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
    ${!taken && !house.value.guest_bookings && html`<p class="notice">${t("guest.closed")} <a href=${`/login?next=${aside}`}>${t("nav.login")}</a>${house.value.registration && html` · <a href=${`/register?next=${aside}`}>${t("nav.register")}</a>`}</p>`}
    ${!taken && house.value.guest_bookings && html`<p class="guest-or"><${Icon} name="user" size=${18} /><span>${t("guest.have_account")} <a href=${`/login?next=${aside}`}>${t("nav.login")}</a>${house.value.registration && html` · <a href=${`/register?next=${aside}`}>${t("nav.register")}</a>`}</span></p>
      <form onSubmit=${form.submit(book)} novalidate>
        <${Field} label=${t("auth.name")} autocomplete="name" maxlength="100" required ...${form.bind("name", "/guest/name")} />
        <${Field} label=${t("auth.email")} type="email" autocomplete="email" hint=${t("guest.email_hint")} required ...${form.bind("email", "/guest/email")} />
        <${Field} label=${t("auth.phone")} type="tel" autocomplete="tel" hint=${t("auth.phone_hint")} optional=${t("form.optional")} ...${form.bind("phone", "/guest/phone")} />
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
