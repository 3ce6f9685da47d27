// Who books without an account, and the way to one.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { house, zone } from "../store.js";
import { Field, phoneNumber } from "./form.js";

export const GUEST_POINTERS = ["/guest/name", "/guest/email", "/guest/phone"];

/** As a booking names a guest. @param {{name: string, email: string, phone: string}} typed */
export const asGuest = ({ name, email, phone }) => ({ name: name.trim(), email: email.trim(), time_zone: zone.value, ...(phone.trim() ? { phone: phoneNumber(phone) } : {}) });

/** @param {{bind: (name: any, pointer: string) => any}} props bind: that of the form with these values */
export const GuestFields = ({ bind }) => html`
  <${Field} label=${t("auth.name")} autocomplete="name" maxlength="100" required ...${bind("name", "/guest/name")} />
  <${Field} label=${t("auth.email")} type="email" autocomplete="email" hint=${t("guest.email_hint")} required ...${bind("email", "/guest/email")} />
  <${Field} label=${t("auth.phone")} type="tel" autocomplete="tel" hint=${t("auth.phone_hint")} optional=${t("form.optional")} ...${bind("phone", "/guest/phone")} />`;

/** Signing in, or opening an account where people may, and back to this page. @param {{words: string, next: string}} props */
export const SignInLinks = ({ words, next }) => {
  const aside = encodeURIComponent(next);
  return html`<span>${words} <a href=${`/login?next=${aside}`}>${t("nav.login")}</a>${house.value.registration && html` · <a href=${`/register?next=${aside}`}>${t("nav.register")}</a>`}</span>`;
};
