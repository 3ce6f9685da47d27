import { useEffect } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Field, FormError, useForm } from "../parts/form.js";
import { go, safeNext } from "../router.js";
import { begin, user } from "../session.js";

/** Where each role starts its day. @param {string} role */
const home = (role) => (role === "expert" || role === "manager" ? "/live" : role === "admin" ? "/admin/outbox" : "/");

/** @param {{query: URLSearchParams}} props */
export default function Login({ query }) {
  const next = safeNext(query.get("next"));
  const form = useForm({ email: "", password: "" });
  useEffect(() => {
    if (user.peek()) go(next ?? "/", { replace: true });
  }, []);
  const signIn = async () => {
    const session = await api.post("/auth/login", { email: form.values.email.trim(), password: form.values.password }, { public: true });
    begin(session);
    go(next ?? home(session.user.role), { replace: true });
  };
  return html`<div class="narrow">
    <header class="page-head"><h1>${t("login.title")}</h1></header>
    <form class="card" onSubmit=${form.submit(signIn)} novalidate>
      <${Field} label=${t("auth.email")} type="email" autocomplete="username" required ...${form.bind("email")} />
      <${Field} label=${t("auth.password")} type="password" autocomplete="current-password" required ...${form.bind("password")} />
      <${FormError} problem=${form.problem} known=${["/email", "/password"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy}>${t("login.send")}</button><a href="/forgot">${t("login.forgot")}</a></div>
    </form>
    <p class="center">${t("login.no_account")} <a href=${`/register${next ? `?next=${encodeURIComponent(next)}` : ""}`}>${t("nav.register")}</a></p>
  </div>`;
}
