import { render } from "preact";
import { api } from "./api.js";
import { App, readView } from "./app.js";
import { html } from "./html.js";
import { localeChosen, locale, offered, preferredLocale, setLocale } from "./i18n.js";
import { staySeen } from "./push.js";
import { followLinks, place } from "./router.js";
import { resume, user } from "./session.js";
import { start } from "./socket.js";
import { house } from "./store.js";

// Words, session and view come side by side; all are there before the page is drawn. What goes wrong with the view is
// said where it is shown.
const words = setLocale(preferredLocale());
followLinks();
start();
const view = readView(place.peek().route).catch(() => {});
await Promise.all([words, view, resume(), readHouse()]);
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
