// A booking by its code, for those without an account at hand.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Field, FormError, phoneNumber, useForm } from "../parts/form.js";
import { Mode } from "../parts/booking_row.js";
import { Status } from "../parts/status.js";
import { When } from "../parts/time.js";
import { say, zone } from "../store.js";
import { formatLength, formatWhen } from "../time.js";

/** @import { Booking } from "../types.js" */

/** @param {{code: string, contact: string}} values */
function proof({ code, contact }) {
  const text = contact.trim();
  return { code: code.trim(), ...(text.includes("@") ? { email: text } : { phone: phoneNumber(text) }) };
}

/** @param {{query: URLSearchParams}} props */
export default function Lookup({ query }) {
  const form = useForm({ code: query.get("code") ?? "", contact: "" });
  const [booking, setBooking] = useState(/** @type {Booking | null} */ (null));
  const find = async () => {
    setBooking(null);
    setBooking(await api.post("/bookings/lookup", proof(form.values)));
  };
  const contact = form.bind("contact", form.values.contact.includes("@") ? "/email" : "/phone");
  return html`
    <div class="narrow">
      <header class="page-head"><h1>${t("lookup.title")}</h1><p class="soft">${t("lookup.lead")}</p></header>
      <form class="card" onSubmit=${form.submit(find)} novalidate>
        <${Field} label=${t("lookup.code")} hint=${t("lookup.code_hint")} inputmode="numeric" autocomplete="off" maxlength="12" required ...${form.bind("code")} />
        <${Field} label=${t("lookup.contact")} hint=${t("lookup.contact_hint")} autocomplete="email" required ...${contact} />
        <${FormError} problem=${form.problem} known=${["/code", "/email", "/phone"]} />
        <div class="actions"><button class="button primary" disabled=${form.busy}>${t("lookup.find")}</button></div>
      </form>
      <div aria-live="polite" class="stack">${booking && html`<${Found} booking=${booking} proof=${proof(form.values)} onChange=${setBooking} />`}</div>
      <${ByMail} />
    </div>`;
}

/** Everything that was booked by an address, for whoever reads its mail. */
function ByMail() {
  const form = useForm({ email: "", code: "" });
  const [asked, setAsked] = useState("");
  const [items, setItems] = useState(/** @type {Booking[] | null} */ (null));
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => title.current?.focus(), [items]);
  const email = form.values.email.trim();
  const send = async () => {
    if (asked !== email) {
      await api.post("/bookings/lookup/otp", { email }, { public: true });
      setAsked(email);
      return;
    }
    setItems((await api.post("/bookings/lookup/otp/show", { email, code: form.values.code.trim() }, { public: true })).items);
  };
  if (items) {
    return html`<section class="card" aria-labelledby="otp-all">
      <h2 id="otp-all" tabindex="-1" ref=${title}>${t("otp.all", { email })}</h2>
      ${!items.length && html`<p class="soft">${t("otp.empty")}</p>`}
      <ul class="guest-bookings">${items.map((booking) => html`<li key=${booking.id} class="row wrap between">
        <span><a href=${`/b/${booking.manage_token}`}>${booking.expert.name}</a><br /><${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></span>
        <${Status} status=${booking.status} />
      </li>`)}</ul>
    </section>`;
  }
  const sent = asked && asked === email;
  return html`<form class="card" onSubmit=${form.submit(send)} novalidate aria-labelledby="otp-title">
    <h2 id="otp-title">${t("otp.title")}</h2>
    <p class="soft">${t("otp.lead")}</p>
    <${Field} label=${t("otp.address")} type="email" autocomplete="email" required ...${form.bind("email")} />
    ${sent && html`<p class="notice" role="status">${t("otp.sent", { email })}</p>
      <${Field} label=${t("otp.code")} hint=${t("otp.code_hint")} inputmode="numeric" autocomplete="one-time-code" maxlength="12" required ...${form.bind("code")} />`}
    <${FormError} problem=${form.problem} known=${["/email", "/code"]} />
    <div class="actions"><button class=${sent ? "button primary" : "button"} disabled=${form.busy}>${t(sent ? "otp.show" : "otp.ask")}</button></div>
  </form>`;
}

/** @param {{booking: Booking, proof: object, onChange: (booking: Booking) => void}} props */
function Found({ booking, proof: known, onChange }) {
  const [asking, setAsking] = useState(false);
  const form = useForm({ reason: "" });
  const open = booking.actions.includes("cancel");
  const cancel = async () => {
    const reason = form.values.reason.trim();
    onChange(await api.post("/bookings/lookup/cancel", { ...known, ...(reason ? { reason } : {}) }));
    setAsking(false);
    say(t("done.cancel"), { tone: "good" });
  };
  return html`<section class="card found" aria-label=${t("booking.title")}>
    <div class="row wrap between"><h2>${t("booking.with", { name: booking.expert.name })}</h2><${Status} status=${booking.status} /></div>
    <p class="fact-when"><${When} at=${booking.starts_at} until=${booking.ends_at} other=${booking.time_zone} /></p>
    <p class="row wrap meta soft"><${Mode} mode=${booking.mode} /><span>${formatLength(booking.minutes)}</span></p>
    ${booking.reason && html`<p class="quote">${booking.reason}</p>`}
    ${open && !asking && html`<div class="actions"><button class="button quiet-danger" type="button" onClick=${() => setAsking(true)}>${t("act.cancel")}</button></div>`}
    ${open && booking.cancel_until && html`<p class="hint">${t("booking.cancel_until", { when: formatWhen(booking.cancel_until, zone.value) })}</p>`}
    ${open && asking && html`<form onSubmit=${form.submit(cancel)} novalidate>
      <${Field} as="textarea" rows="3" maxlength="500" label=${t("act.reason")} optional=${t("form.optional")} ...${form.bind("reason")} />
      <${FormError} problem=${form.problem} known=${["/reason"]} />
      <div class="actions"><button class="button danger" disabled=${form.busy}>${t("act.cancel")}</button><button class="button" type="button" onClick=${() => setAsking(false)}>${t("action.back")}</button></div>
    </form>`}
  </section>`;
}
