import { render } from "preact";
import { App } from "./app.js";
import { html } from "./html.js";
import { localeChosen, locale, offered, preferredLocale, setLocale } from "./i18n.js";
import { staySeen } from "./push.js";
import { followLinks } from "./router.js";
import { resume, user } from "./session.js";
import { start } from "./socket.js";

await setLocale(preferredLocale());
followLinks();
start();
// The profile's language counts unless another one was chosen on this device.
user.subscribe((person) => {
  // What cannot be said today is said at the next visit.
  if (person) staySeen().catch(() => {});
  const theirs = offered(person?.locale);
  if (theirs && theirs !== locale.peek() && !localeChosen()) setLocale(theirs);
});
await resume();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
