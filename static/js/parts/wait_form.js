// Joining a waiting list: from which day to which, at what hours, and how they would meet.
import { useRef } from "preact/hooks";
import { api, newKey } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { zone } from "../store.js";
import { addDays, formatLength, today } from "../time.js";
import { Dialog } from "./dialog.js";
import { Choice, Field, FormError, useForm } from "./form.js";
import { Icon } from "./icon.js";
import { ZonePicker } from "./zone.js";

/** @import { Expert } from "../types.js" */

const KNOWN = ["/from", "/until", "/earliest", "/latest", "/note"];

/** @param {{expert: Expert, minutes: number, date: string, onClose: () => void}} props */
export function WaitForm({ expert, minutes, date, onClose }) {
  const here = zone.value;
  const first = today(here);
  const last = addDays(today(expert.time_zone), expert.booking_rules.horizon_days + 1);
  const form = useForm({ from: date, until: date, earliest: "", latest: "", mode: "online", note: "" });
  const sent = useRef({ body: "", key: "" });
  const { values } = form;
  const join = async () => {
    const filled = Object.fromEntries(Object.entries({ ...values, note: values.note.trim() }).filter(([, value]) => value));
    const body = { ...filled, minutes, time_zone: here };
    // The same words again are the same place on the list.
    const text = JSON.stringify(body);
    if (sent.current.body !== text) sent.current = { body: text, key: newKey() };
    const waiting = await api.post(`/experts/${expert.id}/waiting-list`, body, { key: sent.current.key });
    go(`/waiting?joined=${waiting.id}`);
  };
  return html`<${Dialog} title=${t("wait.title")} onClose=${onClose}>
    <form onSubmit=${form.submit(join)} novalidate>
      <p class="soft">${t("wait.lead", { name: expert.name, length: formatLength(minutes) })}</p>
      <div class="pair">
        <${Field} label=${t("wait.from")} type="date" required min=${first} max=${last} ...${form.bind("from")}
          onInput=${(/** @type {any} */ event) => form.set({ from: event.target.value, until: values.until < event.target.value ? event.target.value : values.until })} />
        <${Field} label=${t("wait.until")} type="date" required min=${values.from || first} max=${last} ...${form.bind("until")} />
        <${Field} label=${t("wait.earliest")} type="time" optional=${t("form.optional")} ...${form.bind("earliest")} />
        <${Field} label=${t("wait.latest")} type="time" optional=${t("form.optional")} ...${form.bind("latest")} />
      </div>
      <${ZonePicker} other=${expert.time_zone} />
      <${Choice} label=${t("book.mode")} value=${values.mode} onChange=${(/** @type {string} */ mode) => form.set({ mode })}
        options=${[
          { value: "online", label: html`<${Icon} name="video" size=${18} />${t("mode.online")}` },
          { value: "offline", label: html`<${Icon} name="pin" size=${18} />${t("mode.offline")}` },
        ]} />
      <${Field} as="textarea" label=${t("book.note")} hint=${t("book.note_hint")} optional=${t("form.optional")} rows="3" maxlength="2000" ...${form.bind("note")} />
      <${FormError} problem=${form.problem} known=${KNOWN} />
      <div class="actions">
        <button class="button primary" disabled=${form.busy}>${form.busy ? t("state.sending") : t("wait.join")}</button>
        <button class="button" type="button" onClick=${onClose}>${t("action.back")}</button>
      </div>
    </form>
  <//>`;
}
