import { render } from "preact";
import { api } from "./api.js";
import { App } from "./app.js";
import { html } from "./html.js";
import { localeChosen, locale, offered, preferredLocale, setLocale } from "./i18n.js";
import { staySeen } from "./push.js";
import { followLinks, place } from "./router.js";
import { resume, user } from "./session.js";
import { start } from "./socket.js";
import { house } from "./store.js";

// Words and session come side by side; both are there before the page is drawn.
const words = setLocale(preferredLocale());
followLinks();
start();
// So is the view; what goes wrong with it is said where it is shown.
place.peek().route.view().catch(() => {});
await Promise.all([words, resume(), readHouse()]);
// The profile's language counts unless another one was chosen on this device.
user.subscribe((person) => {
  // What cannot be said today is said at the next visit.
  if (person) staySeen().catch(() => {});
  const theirs = offered(person?.locale);
  if (theirs && theirs !== locale.peek() && !localeChosen()) setLocale(theirs);
});
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));

/** What the house is called and lets people do. Without an answer it is one that set nothing; what it forbids it refuses. */
async function readHouse() {
  try {
    house.value = await api.get("/house");
  } catch {
    // The page says by itself that the server is out of reach.
  }
}
