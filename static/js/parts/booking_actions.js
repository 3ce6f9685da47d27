// What can be done with a booking, each in its own dialog. The server's `actions` decide what is offered.
import { useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { user } from "../session.js";
import { say, zone } from "../store.js";
import { dateIn, formatWhen } from "../time.js";
import { Alternatives } from "./alternatives.js";
import { Dialog } from "./dialog.js";
import { Choice, Field, FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";
import { ModeChoice } from "./mode_choice.js";
import { SlotPicker } from "./slot_picker.js";
import { StarPicker } from "./stars.js";
import { Failed, Skeleton } from "./states.js";
import { When } from "./time.js";

/** @import { Api } from "../api.js" */
/** @import { Booking, Slot } from "../types.js" */

/**
 * @typedef {object} ActionProps
 * @property {Booking} booking
 * @property {Api} [via] whose calls these are; whoever is signed in makes them otherwise
 * @property {() => void} onClose
 * @property {(booking?: Booking) => void} onDone with the booking as it is now, where the answer holds it
 */

/** Confirming needs no words; the other three may or must say why. @param {ActionProps & {verb: "confirm" | "reject" | "cancel" | "complete" | "miss"}} props */
export function Act({ booking, verb, via = api, onClose, onDone }) {
  const form = useForm({ reason: "", scope: "one" });
  const byExpert = via === api && booking.client.id !== user.value?.id;
  const mustSay = verb === "reject" || (verb === "cancel" && byExpert);
  const scopes = via === api && booking.series && (verb === "confirm" || verb === "reject" || verb === "cancel");
  const maySay = verb === "reject" || verb === "cancel" || verb === "miss";
  const send = async () => {
    if (mustSay && !form.values.reason.trim()) {
      throw new Problem(422, { errors: [{ pointer: "/reason", detail: t("form.reason_missing") }] });
    }
    const reason = form.values.reason.trim();
    const said = reason ? { reason } : {};
    if (scopes && form.values.scope !== "one") {
      const from = form.values.scope === "following" ? { from: booking.series?.number } : {};
      const series = await via.post(`/series/${booking.series?.id}/${verb}`, { ...said, ...from });
      say(...outcome(series.bookings, verb, from.from ?? 1));
      return onDone();
    }
    const changed = await via.post(`/bookings/${booking.id}/${verb}`, said);
    say(t(`done.${verb}`), { tone: "good" });
    onDone(changed);
  };
  return html`<${Dialog} title=${t(`act.${verb}_title`)} onClose=${onClose}>
    <form onSubmit=${form.submit(send)} novalidate>
      <p><${When} at=${booking.starts_at} until=${booking.ends_at} /> · ${byExpert ? booking.client.name : booking.expert.name}</p>
      ${verb === "cancel" && booking.cancel_until && html`<p class="soft">${t("booking.cancel_until", { when: formatWhen(booking.cancel_until, zone.value) })}</p>`}
      ${scopes && html`<${Choice} label=${t("series.scope")} value=${form.values.scope} onChange=${(/** @type {string} */ scope) => form.set({ scope })} options=${["one", "following", "all"].map((value) => ({ value, label: t(`series.scope_${value}`) }))} />`}
      ${maySay && html`<${Field} as="textarea" rows="3" maxlength="500" label=${t("act.reason")} optional=${mustSay ? undefined : t("form.optional")} hint=${t("act.reason_hint")} ...${form.bind("reason")} />`}
      <${FormError} problem=${form.problem} known=${["/reason"]} />
      <div class="actions">
        <button class=${verb === "confirm" || verb === "complete" ? "button primary" : "button danger"} disabled=${form.busy}>${t(`act.${verb}`)}</button>
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}

/**
 * What to say after a step with several: those that it could not be taken with any more are named.
 * @param {Booking[]} bookings @param {string} verb @param {number} from @returns {[string, {tone: "good" | "plain"}]}
 */
function outcome(bookings, verb, from) {
  const still = verb === "cancel" ? ["pending", "confirmed"] : ["pending"];
  const left = bookings.filter((one) => (one.series?.number ?? 0) >= from && still.includes(one.status)).length;
  return left ? [t("series.some_left", { n: left }), { tone: "plain" }] : [t(`done.${verb}`), { tone: "good" }];
}

/** @param {ActionProps & {etag: string | null}} props etag: of the booking as shown, so that nobody's newer edit is overwritten */
export function Edit({ booking, etag, onClose, onDone }) {
  const asExpert = booking.client.id !== user.value?.id;
  const form = useForm({ note: booking.note ?? "", mode: booking.mode, place: booking.place ?? "", link: booking.link ?? "" });
  const send = async () => {
    const { note, mode, place, link } = form.values;
    const where = asExpert ? { place: place.trim() || null, link: link.trim() || null } : {};
    const changed = await api.patch(`/bookings/${booking.id}`, { note: note.trim() || null, mode, ...where }, etag);
    say(t("done.edit"), { tone: "good" });
    onDone(changed);
  };
  const stale = form.problem instanceof Problem && form.problem.status === 412;
  return html`<${Dialog} title=${t("act.edit_title")} onClose=${onClose}>
    <form onSubmit=${form.submit(send)} novalidate>
      <${ModeChoice} value=${form.values.mode} onChange=${(/** @type {any} */ mode) => form.set({ mode })} />
      <${Field} as="textarea" rows="4" maxlength="2000" label=${t("book.note")} optional=${t("form.optional")} ...${form.bind("note")} />
      ${asExpert && form.values.mode === "online" && html`<${Field} type="url" label=${t("booking.link")} optional=${t("form.optional")} ...${form.bind("link")} />`}
      ${asExpert && form.values.mode === "offline" && html`<${Field} label=${t("booking.place")} optional=${t("form.optional")} ...${form.bind("place")} />`}
      ${stale
        ? html`<div class="notice pending" role="alert"><p>${t("booking.stale")}</p><button class="button small" type="button" onClick=${() => onDone()}>${t("booking.show_newest")}</button></div>`
        : html`<${FormError} problem=${form.problem} known=${["/note", "/mode", "/place", "/link"]} />`}
      <div class="actions">
        <button class="button primary" disabled=${form.busy}>${t("action.save")}</button>
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}

/** @param {ActionProps} props */
export function Move({ booking, via = api, onClose, onDone }) {
  const expert = useLoad(() => api.get(`/experts/${booking.expert.id}`), [booking.expert.id]);
  const [minutes, setMinutes] = useState(booking.minutes);
  const [slot, setSlot] = useState(/** @type {Slot | null} */ (null));
  const form = useForm({});
  const send = async () => {
    const changed = await via.post(`/bookings/${booking.id}/reschedule`, { starts_at: slot?.starts_at, minutes });
    say(t("done.reschedule"), { tone: "good" });
    onDone(changed);
  };
  const choose = (/** @type {Slot | null} */ chosen) => {
    form.setProblem(null);
    setSlot(chosen);
  };
  const taken = form.problem instanceof Problem && form.problem.slug === "slot-taken";
  const asClient = via !== api || booking.client.id === user.value?.id;
  return html`<${Dialog} title=${t("act.reschedule_title")} onClose=${onClose} wide>
    <p class="soft">${t("act.now")} <${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></p>
    ${expert.loading && html`<${Skeleton} rows=${4} />`}
    ${expert.error && html`<${Failed} error=${expert.error} retry=${expert.retry} />`}
    ${expert.data && !slot && html`<${SlotPicker} expert=${expert.data} minutes=${minutes} date=${dateIn(booking.starts_at, zone.value)} onMinutes=${setMinutes} onPick=${choose} />`}
    ${slot && html`<form onSubmit=${form.submit(send)}>
      <div class="book-slot"><p class="book-when"><${Icon} name="move" /> <${When} at=${slot.starts_at} until=${slot.ends_at} other=${booking.time_zone} /></p></div>
      ${asClient && booking.status === "confirmed" && !expert.data?.booking_rules.auto_confirm && html`<p class="hint">${t("act.reschedule_pending")}</p>`}
      ${taken ? html`<${Alternatives} slots=${form.problem.body.alternatives ?? []} other=${booking.time_zone} onPick=${choose} />` : html`<${FormError} problem=${form.problem} />`}
      <div class="actions">
        <button class="button primary" disabled=${form.busy || taken}>${t("act.reschedule")}</button>
        <button class="button" type="button" onClick=${() => choose(null)}>${t("act.other_time")}</button>
      </div>
    </form>`}
  <//>`;
}

/** The review, in place on the page. @param {{booking: Booking, onDone: () => void}} props */
export function ReviewForm({ booking, onDone }) {
  const form = useForm({ stars: 0, text: "" });
  const send = async () => {
    if (!form.values.stars) throw new Problem(422, { errors: [{ pointer: "/stars", detail: t("review.stars_missing") }] });
    const text = form.values.text.trim();
    await api.post(`/bookings/${booking.id}/review`, { stars: form.values.stars, ...(text ? { text } : {}) });
    say(t("review.thanks"), { tone: "good" });
    onDone();
  };
  return html`<form class="card" onSubmit=${form.submit(send)} novalidate>
    <h2>${t("review.title", { name: booking.expert.name })}</h2>
    <${StarPicker} value=${form.values.stars} onChange=${(/** @type {number} */ stars) => form.set({ stars })} error=${form.problem instanceof Problem ? form.problem.at("/stars") : undefined} />
    <${Field} as="textarea" rows="3" maxlength="2000" label=${t("review.text")} optional=${t("form.optional")} ...${form.bind("text")} />
    <${FormError} problem=${form.problem} known=${["/stars", "/text"]} />
    <div class="actions"><button class="button primary" disabled=${form.busy}>${t("review.send")}</button></div>
  </form>`;
}
