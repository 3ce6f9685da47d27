// Joining a waiting list: from which day to which, at what hours, and how they would meet.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { user } from "../session.js";
import { zone } from "../store.js";
import { addDays, formatLength, today } from "../time.js";
import { ClientField } from "./client_field.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { ModeChoice } from "./mode_choice.js";
import { ZonePicker } from "./zone.js";

/** @import { Expert, Ref } from "../types.js" */

const KNOWN = ["/from", "/until", "/earliest", "/latest", "/note", "/client_id"];

/** @param {{expert: Expert, minutes: number, date: string, onClose: () => void}} props */
export function WaitForm({ expert, minutes, date, onClose }) {
  const here = zone.value;
  const first = today(here);
  const last = addDays(today(expert.time_zone), expert.booking_rules.horizon_days + 1);
  const form = useForm({ from: date, until: date, earliest: "", latest: "", mode: "online", note: "" });
  const keyOf = useWishKey();
  const staff = user.value?.role === "manager" || user.value?.role === "admin";
  const [client, setClient] = useState(/** @type {Ref | null} */ (null));
  const { values } = form;
  const join = async () => {
    const filled = Object.fromEntries(Object.entries({ ...values, note: values.note.trim() }).filter(([, value]) => value));
    const body = { ...filled, minutes, time_zone: here, ...(client ? { client_id: client.id } : {}) };
    const waiting = await api.post(`/experts/${expert.id}/waiting-list`, body, { key: keyOf(body) });
    go(`/waiting?joined=${waiting.id}`);
  };
  return html`<${Dialog} title=${t("wait.title")} onClose=${onClose}>
    <form onSubmit=${form.submit(join)} novalidate>
      <p class="soft">${t("wait.lead", { name: expert.name, length: formatLength(minutes) })}</p>
      ${staff && html`<${ClientField} label=${t("wait.client")} value=${client} error=${form.problem?.at?.("/client_id")} onChange=${setClient} />`}
      <div class="pair">
        <${Field} label=${t("wait.from")} type="date" required min=${first} max=${last} ...${form.bind("from")}
          onInput=${(/** @type {any} */ event) => form.set({ from: event.target.value, until: values.until < event.target.value ? event.target.value : values.until })} />
        <${Field} label=${t("wait.until")} type="date" required min=${values.from || first} max=${last} ...${form.bind("until")} />
        <${Field} label=${t("wait.earliest")} type="time" optional=${t("form.optional")} ...${form.bind("earliest")} />
        <${Field} label=${t("wait.latest")} type="time" optional=${t("form.optional")} ...${form.bind("latest")} />
      </div>
      <${ZonePicker} other=${expert.time_zone} />
      <${ModeChoice} value=${values.mode} onChange=${(/** @type {string} */ mode) => form.set({ mode })} />
      <${Field} as="textarea" label=${t("book.note")} hint=${t("book.note_hint")} optional=${t("form.optional")} rows="3" maxlength="2000" ...${form.bind("note")} />
      <${FormError} problem=${form.problem} known=${KNOWN} />
      <div class="actions">
        <button class="button primary" disabled=${form.busy}>${form.busy ? t("state.sending") : t("wait.join")}</button>
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}
