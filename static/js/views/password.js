// A forgotten password: asking for the link (/forgot), and setting a new one with it (/reset).
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Field, FormError, useForm } from "../parts/form.js";
import { Empty } from "../parts/states.js";
import { go } from "../router.js";
import { say } from "../store.js";

/** @param {{path: string, query: URLSearchParams}} props */
export default function Password({ path, query }) {
  return path === "/reset" ? html`<${Reset} token=${query.get("token") ?? ""} />` : html`<${Forgot} />`;
}

function Forgot() {
  const form = useForm({ email: "" });
  const [sent, setSent] = useState(false);
  const ask = async () => {
    await api.post("/auth/password/forgot", { email: form.values.email.trim() }, { public: true });
    setSent(true);
  };
  return html`<div class="narrow">
    <header class="page-head"><h1>${t("forgot.title")}</h1>${!sent && html`<p class="soft">${t("forgot.lead")}</p>`}</header>
    ${sent
      ? html`<${Empty} icon="mail" title=${t("forgot.sent")} text=${t("forgot.sent_text", { email: form.values.email })}><a class="button" href="/login">${t("nav.login")}</a><//>`
      : html`<form class="card" onSubmit=${form.submit(ask)} novalidate>
          <${Field} label=${t("auth.email")} type="email" autocomplete="username" required ...${form.bind("email")} />
          <${FormError} problem=${form.problem} known=${["/email"]} />
          <div class="actions"><button class="button primary" disabled=${form.busy}>${t("forgot.send")}</button></div>
        </form>`}
  </div>`;
}

/** @param {{token: string}} props */
function Reset({ token }) {
  const form = useForm({ password: "" });
  const save = async () => {
    await api.post("/auth/password/reset", { token, password: form.values.password }, { public: true });
    go("/login", { replace: true });
    say(t("reset.done"), { tone: "good" });
  };
  if (!token) return html`<${Empty} page icon="ban" title=${t("reset.no_token")} text=${t("reset.no_token_text")}><a class="button" href="/forgot">${t("forgot.title")}</a><//>`;
  return html`<div class="narrow">
    <header class="page-head"><h1>${t("reset.title")}</h1></header>
    <form class="card" onSubmit=${form.submit(save)} novalidate>
      <${Field} label=${t("reset.password")} type="password" autocomplete="new-password" hint=${t("auth.password_hint")} required ...${form.bind("password")} />
      <${FormError} problem=${form.problem} known=${["/password"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy}>${t("reset.send")}</button><a href="/forgot">${t("reset.new_link")}</a></div>
    </form>
  </div>`;
}
