// Erasing an account for good: one's own with the password, somebody else's by an administrator.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { end } from "../session.js";
import { say } from "../store.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, useForm } from "./form.js";

/** @import { User } from "../types.js" */

export function EraseMe() {
  const [asking, setAsking] = useState(false);
  const form = useForm({ password: "" });
  const erase = form.submit(async ({ password }) => {
    await api.erase("/me", { password });
    end();
    go("/", { replace: true });
    say(t("erase.gone"), { tone: "good" });
  });
  return html`<button class="button quiet-danger" type="button" onClick=${() => setAsking(true)}>${t("erase.me")}</button>
    ${asking && html`<${Dialog} title=${t("erase.me_title")} onClose=${() => setAsking(false)}>
      <form class="stack" onSubmit=${erase} novalidate>
        <p>${t("erase.what")}</p>
        <${Field} label=${t("auth.password")} type="password" autocomplete="current-password" required ...${form.bind("password")} />
        <${FormError} problem=${form.problem} known=${["/password"]} />
        <div class="actions"><button class="button danger" type="submit" disabled=${form.busy || !form.values.password}>${t("erase.do")}</button><button class="button" type="button" onClick=${() => setAsking(false)}>${t("action.back")}</button></div>
      </form>
    <//>`}`;
}

/** @param {{person: User, onClose: () => void, onDone: () => void}} props */
export function EraseSomebody({ person, onClose, onDone }) {
  const form = useForm({ name: "" });
  const erase = form.submit(async () => {
    await api.delete(`/admin/users/${person.id}`);
    say(t("erase.done", { name: person.name }), { tone: "good" });
    onDone();
  });
  return html`<${Dialog} title=${t("erase.title", { name: person.name })} onClose=${onClose}>
    <form class="stack" onSubmit=${erase} novalidate>
      <p>${t("erase.what_theirs")}</p>
      <${Field} label=${t("erase.type_name", { name: person.name })} autocomplete="off" ...${form.bind("name")} />
      <${FormError} problem=${form.problem} />
      <div class="actions"><button class="button danger" type="submit" disabled=${form.busy || form.values.name.trim() !== person.name}>${t("erase.do")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>
  <//>`;
}
