// The menu behind the face: profile, language, theme, sign out.
import { api } from "../api.js";
import { html } from "../html.js";
import { LOCALES, locale, setLocale, t } from "../i18n.js";
import { askAgain } from "../oidc.js";
import { turnOff } from "../push.js";
import { go } from "../router.js";
import { end, refreshToken, user } from "../session.js";
import { chooseTheme, say, theme } from "../store.js";
import { Icon } from "./icon.js";

/** Ends this device's session, or all of them. @param {{everywhere?: boolean}} [options] */
export async function signOut({ everywhere = false } = {}) {
  // Leaving the page first lets it give back what it holds while it still may.
  if (!everywhere) {
    go("/");
    await new Promise(requestAnimationFrame);
  }
  // Whoever uses this browser next is not told what concerns this person.
  if (user.value) await turnOff().catch(() => "on");
  try {
    await api.post("/auth/logout", everywhere ? { everywhere: true } : { refresh_token: refreshToken() });
  } catch (error) {
    // Signing out here must work even when the server cannot be told; signing out elsewhere cannot.
    if (everywhere) throw error;
  }
  end();
  askAgain();
  go("/");
  say(t(everywhere ? "auth.signed_out_everywhere" : "auth.signed_out"));
}

/** @type {["system" | "light" | "dark", string][]} */
const themes = [["system", "system"], ["light", "sun"], ["dark", "moon"]];

export const PersonMenu = () => html`
  <div class="popover menu">
    ${user.value &&
    html`<div class="menu-person"><strong>${user.value.name}</strong><span class="soft">${user.value.email}</span></div>
      <a href="/me"><${Icon} name="user" />${t("nav.me")}</a>
      <a href="/notifications"><${Icon} name="bell" />${t("nav.notifications")}</a>
      <hr />`}
    <div class="menu-row" role="group" aria-label=${t("theme.label")}>
      ${themes.map(([name, icon]) => html`<button key=${name} type="button" aria-pressed=${theme.value === name ? "true" : "false"} onClick=${() => chooseTheme(name)}><${Icon} name=${icon} size=${18} />${t(`theme.${name}`)}</button>`)}
    </div>
    <div class="menu-row" role="group" aria-label=${t("nav.language")}>
      ${Object.entries(LOCALES).map(([tag, name]) => html`<button key=${tag} type="button" lang=${tag} aria-pressed=${locale.value === tag ? "true" : "false"} onClick=${() => setLocale(tag, { keep: true })}>${name}</button>`)}
    </div>
    ${user.value && html`<hr /><button class="menu-item" type="button" onClick=${() => signOut()}><${Icon} name="out" />${t("auth.sign_out")}</button>`}
  </div>`;
