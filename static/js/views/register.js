import { api } from "../api.js";
import { html } from "../html.js";
import { locale, t } from "../i18n.js";
import { Field, FormError, phoneNumber, useForm, useWishKey } from "../parts/form.js";
import { Empty } from "../parts/states.js";
import { ZoneField } from "../parts/zone.js";
import { go, safeNext } from "../router.js";
import { begin } from "../session.js";
import { house, say } from "../store.js";
import { deviceZone } from "../time.js";

/** @param {{query: URLSearchParams}} props */
export default function Register({ query }) {
  const next = safeNext(query.get("next"));
  const form = useForm({ name: "", email: "", password: "", phone: "", time_zone: deviceZone() });
  const keyOf = useWishKey();
  const register = async () => {
    const { name, email, password, phone, time_zone } = form.values;
    const wanted = {
      name: name.trim(),
      email: email.trim(),
      password,
      time_zone,
      locale: locale.value,
      ...(phone.trim() ? { phone: phoneNumber(phone) } : {}),
    };
    const session = await api.post("/auth/register", wanted, { public: true, key: keyOf(wanted) });
    begin(session);
    go(next ?? "/", { replace: true });
    say(t("register.welcome", { email: session.user.email }), { tone: "good" });
  };
  if (!house.value.registration) {
    return html`<${Empty} page icon="user" title=${t("register.closed")} text=${t("register.closed_text")}><a class="button" href="/">${t("not_found.home")}</a><a class="button primary" href="/login">${t("nav.login")}</a><//>`;
  }
  return html`<div class="narrow">
    <header class="page-head"><h1>${t("register.title")}</h1><p class="soft">${t("register.lead")}</p></header>
    <form class="card" onSubmit=${form.submit(register)} novalidate>
      <${Field} label=${t("auth.name")} autocomplete="name" required maxlength="120" ...${form.bind("name")} />
      <${Field} label=${t("auth.email")} type="email" autocomplete="email" required ...${form.bind("email")} />
      <${Field} label=${t("auth.password")} type="password" autocomplete="new-password" hint=${t("auth.password_hint")} required ...${form.bind("password")} />
      <${Field} label=${t("auth.phone")} type="tel" autocomplete="tel" optional=${t("form.optional")} hint=${t("auth.phone_hint")} ...${form.bind("phone")} />
      <${ZoneField} label=${t("zone.mine")} ...${form.bind("time_zone")} />
      <${FormError} problem=${form.problem} known=${["/name", "/email", "/password", "/phone", "/time_zone"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy}>${t("register.send")}</button></div>
    </form>
    <p class="center">${t("register.have")} <a href=${`/login${next ? `?next=${encodeURIComponent(next)}` : ""}`}>${t("nav.login")}</a></p>
  </div>`;
}
