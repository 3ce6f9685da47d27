import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { leave, provider } from "../oidc.js";
import { Field, FormError, useForm } from "../parts/form.js";
import { explain } from "../parts/states.js";
import { go, home, safeNext } from "../router.js";
import { begin, user } from "../session.js";
import { house } from "../store.js";

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
    <${ByProvider} next=${next} />
    ${house.value.registration && html`<p class="center">${t("login.no_account")} <a href=${`/register${next ? `?next=${encodeURIComponent(next)}` : ""}`}>${t("nav.register")}</a></p>`}
  </div>`;
}

/** The other way in, where there is one. Whoever has a password needs no more than the form, so nothing is said while it is not known. @param {{next: string | null}} props */
function ByProvider({ next }) {
  const page = useLoad(provider, []);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  if (!page.data?.available) return null;
  const start = async () => {
    setBusy(true);
    setError(null);
    try {
      await leave(next);
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return html`<section class="card" aria-label=${t("login.provider", { name: page.data.name ?? "" })}>
    <button class="button" type="button" disabled=${busy} onClick=${start}>${t("login.provider", { name: page.data.name ?? "" })}</button>
    <p class="hint">${t("login.provider_hint")}</p>
    ${error && html`<p class="error" role="alert">${explain(error)}</p>`}
  </section>`;
}
