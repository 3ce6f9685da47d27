// What the desk of a branch asks for in a dialog: somebody who stands there, an appointment that came, another branch.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { ticketPath } from "../queue.js";
import { say } from "../store.js";
import { CopyButton } from "./copy_button.js";
import { Dialog } from "./dialog.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Branch, Expert } from "../types.js" */
/** @import { Visit } from "../queue.js" */

/** @param {{branch: Branch, experts: Expert[], onClose: () => void, onDone: () => void}} props */
export function AddVisit({ branch, experts, onClose, onDone }) {
  const form = useForm({ name: "", skill: "", expert: "", note: "" });
  const keyOf = useWishKey();
  const [made, setMade] = useState(/** @type {Visit | null} */ (null));
  const skills = [...new Set(experts.flatMap((expert) => expert.tags))].sort();
  const { values } = form;
  const add = async () => {
    const body = { name: values.name.trim(), ...(values.skill ? { skill: values.skill } : {}), ...(values.expert ? { expert_id: values.expert } : {}), ...(values.note.trim() ? { note: values.note.trim() } : {}) };
    setMade(await api.post(`/branches/${branch.id}/queue`, body, { key: keyOf(body) }));
    onDone();
  };
  if (made) {
    return html`<${Dialog} title=${t("desk.added", { name: made.name })} onClose=${onClose}>
      <p class="ticket-number"><small>${t("visit.number")}</small> <b>${made.number}</b></p>
      ${made.secret && html`<p>${t("desk.added_text")}</p>`}
      <div class="actions"><button class="button primary" type="button" onClick=${onClose}>${t("action.close")}</button>${made.secret && html`<${CopyButton} text=${location.origin + ticketPath(made.id, made.secret)} label=${t("visit.copy")} />`}</div>
    <//>`;
  }
  const select = (/** @type {"skill" | "expert"} */ name) => ({ as: "select", value: values[name], onChange: (/** @type {any} */ event) => form.set({ [name]: event.target.value }) });
  return html`<${Dialog} title=${t("desk.add")} onClose=${onClose}>
    <form onSubmit=${form.submit(add)} novalidate>
      <${Field} label=${t("queue.name")} required maxlength="100" ...${form.bind("name")} />
      <div class="pair">
        ${skills.length > 0 && html`<${Field} label=${t("branch.skill")} ...${select("skill")}><option value="">${t("branch.any_skill")}</option>${skills.map((skill) => html`<option key=${skill} value=${skill}>${skill}</option>`)}<//>`}
        <${Field} label=${t("desk.wanted")} ...${select("expert")}><option value="">${t("desk.anybody")}</option>${experts.map((expert) => html`<option key=${expert.id} value=${expert.id}>${expert.name}</option>`)}<//>
      </div>
      <${Field} as="textarea" label=${t("queue.note")} optional=${t("form.optional")} rows="2" maxlength="500" ...${form.bind("note")} />
      <${FormError} problem=${form.problem} known=${["/name", "/note"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy || !values.name.trim()}>${form.busy ? t("state.sending") : t("desk.add_send")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>
  <//>`;
}

/** @param {{branch: Branch, onClose: () => void, onDone: () => void}} props */
export function CheckIn({ branch, onClose, onDone }) {
  const form = useForm({ code: "" });
  const keyOf = useWishKey();
  const send = async () => {
    const body = { code: form.values.code.trim() };
    const visit = /** @type {Visit} */ (await api.post(`/branches/${branch.id}/queue`, body, { key: keyOf(body) }));
    say(t("desk.checked_in", { name: visit.name, number: visit.number }), { tone: "good" });
    onDone();
    onClose();
  };
  return html`<${Dialog} title=${t("desk.check_in")} onClose=${onClose}>
    <form onSubmit=${form.submit(send)} novalidate>
      <${Field} label=${t("booking.code")} hint=${t("desk.code_hint")} inputmode="numeric" autocomplete="off" required maxlength="12" ...${form.bind("code")} />
      <${FormError} problem=${form.problem} known=${["/code"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy || !form.values.code.trim()}>${form.busy ? t("state.sending") : t("desk.check_in")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>
  <//>`;
}

/** @param {{visit: Visit, onClose: () => void, onDone: () => void}} props */
export function TransferVisit({ visit, onClose, onDone }) {
  const form = useForm({ branch: "" });
  const page = useLoad(async () => /** @type {Branch[]} */ ((await api.get("/branches", { limit: 100 })).items.filter((/** @type {Branch} */ one) => one.id !== visit.branch.id)), []);
  const send = async () => {
    const next = /** @type {Visit} */ (await api.post(`/visits/${visit.id}/transfer`, { branch_id: form.values.branch }));
    say(t("desk.transferred", { name: visit.name, branch: next.branch.name, number: next.number }), { tone: "good" });
    onDone();
    onClose();
  };
  return html`<${Dialog} title=${t("desk.transfer_title", { name: visit.name })} onClose=${onClose}>
    ${page.loading && html`<${Skeleton} rows=${2} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data?.length === 0 && html`<p class="soft">${t("desk.no_other_branch")}</p>`}
    ${page.data && page.data.length > 0 && html`<form onSubmit=${form.submit(send)} novalidate>
      <p>${t("desk.transfer_text")}</p>
      <${Field} as="select" label=${t("branch.title")} value=${form.values.branch} onChange=${(/** @type {any} */ event) => form.set({ branch: event.target.value })}><option value=""></option>${page.data.map((one) => html`<option key=${one.id} value=${one.id}>${one.name}</option>`)}<//>
      <${FormError} problem=${form.problem} />
      <div class="actions"><button class="button primary" disabled=${form.busy || !form.values.branch}>${form.busy ? t("state.sending") : t("desk.do_transfer")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>`}
  <//>`;
}
