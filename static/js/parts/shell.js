// What surrounds every page: side bar on a desk, bottom bar on a phone, and on top the connection, the bell and the
// menu of the person.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { place } from "../router.js";
import { phase, user } from "../session.js";
import { connection, house, online } from "../store.js";
import { Avatar } from "./avatar.js";
import { Bell } from "./bell.js";
import { Icon } from "./icon.js";
import { PersonMenu } from "./person_menu.js";

/** @typedef {{href: string, icon: string, label: string, short?: string}} Entry short: for the narrow bottom bar */

/** @returns {{main: Entry[], desk: Entry[], admin: Entry[]}} */
function entries() {
  const role = user.value?.role;
  const branch = user.value?.branch_id;
  const desk = role === "expert" || role === "manager" || role === "admin";
  const figures = [
    { href: "/admin/overview", icon: "chart", label: t("nav.overview") },
    { href: "/admin/bookings", icon: "ticket", label: t("nav.booking_table") },
    { href: "/admin/weekly", icon: "week", label: t("nav.weekly") },
  ];
  return {
    main: [
      { href: "/", icon: "search", label: t("nav.find"), short: t("nav.find_short") },
      { href: "/branches", icon: "pin", label: t("branches.title"), short: t("branches.title") },
      ...(role ? [{ href: "/bookings", icon: "ticket", label: t("nav.bookings"), short: t("nav.bookings_short") }] : []),
      ...(role ? [{ href: "/waiting", icon: "clock", label: t("wait.lists"), short: t("wait.lists_short") }] : []),
      ...(role ? [] : [{ href: "/lookup", icon: "ticket", label: t("nav.lookup"), short: t("nav.lookup_short") }]),
    ],
    desk: desk
      ? [
          ...(branch && role === "manager" ? [{ href: `/branches/${branch}/day`, icon: "week", label: t("day.title"), short: t("agenda.day") }] : []),
          ...(branch ? [{ href: `/branches/${branch}/desk`, icon: "desk", label: t("desk.title") }] : []),
          { href: "/live", icon: "inbox", label: t("nav.live"), short: t("nav.live_short") },
          { href: "/agenda", icon: "calendar", label: t("nav.agenda"), short: t("nav.agenda_short") },
          { href: "/sessions", icon: "people", label: t("session.title") },
          { href: "/schedule", icon: "week", label: t("nav.schedule") },
        ]
      : [],
    admin:
      role === "admin"
        ? [
            ...figures,
            { href: "/admin/outbox", icon: "mail", label: t("nav.outbox") },
            { href: "/admin/suppressions", icon: "ban", label: t("nav.suppressions") },
            { href: "/admin/webhooks", icon: "plug", label: t("nav.webhooks") },
            { href: "/admin/rules", icon: "rules", label: t("nav.rules") },
            { href: "/admin/texts", icon: "edit", label: t("nav.texts") },
            { href: "/admin/explain", icon: "why", label: t("nav.explain") },
            { href: "/admin/people", icon: "people", label: t("nav.people") },
            { href: "/admin/api-keys", icon: "key", label: t("nav.api_keys") },
            { href: "/admin/audit", icon: "audit", label: t("nav.audit") },
            { href: "/admin/settings", icon: "settings", label: t("nav.house_settings") },
          ]
        : role === "manager"
          ? figures
          : [],
  };
}

/** @param {string} href */
function isCurrent(href) {
  const { path } = place.value;
  if (href === "/") return path === "/" || path.startsWith("/experts/");
  if (href === "/branches") return path === href || (path.startsWith("/branches/") && !["desk", "day"].some((page) => path === `/branches/${user.value?.branch_id}/${page}`));
  return path === href || path.startsWith(`${href}/`);
}

/** @param {{entry: Entry, short?: boolean}} props */
const NavLink = ({ entry, short }) => html`
  <a href=${entry.href} aria-current=${isCurrent(entry.href) ? "page" : undefined}><${Icon} name=${entry.icon} /><span>${(short && entry.short) || entry.label}</span></a>`;

/** @param {{children?: any}} props */
export function Shell({ children }) {
  const { main, desk, admin } = entries();
  const signedOut = !user.value && phase.value !== "starting";
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t("nav.skip")}</a>
    <div class="shell">
      <header class="top">
        <a class="brand" href="/"><img src="/static/icon.svg" width="28" height="28" alt="" /><span>${house.value.name}</span></a>
        <div class="top-right">
          <${Connection} />
          ${user.value && html`<${Bell} />`}
          ${user.value ? html`<${PersonButton} />` : html`<${PersonMenuButton} />`}
          ${signedOut && place.value.path !== "/login" && html`<a class="button primary small" href=${`/login?next=${encodeURIComponent(next())}`}>${t("nav.login")}</a>`}
        </div>
      </header>
      <nav class="side" aria-label=${t("nav.label")}>
        ${[main, desk, admin].map((group, i) => group.length > 0 && html`<div class="nav-group" key=${i}>${group.map((entry) => html`<${NavLink} key=${entry.href} entry=${entry} />`)}</div>`)}
      </nav>
      <div class="content">
        ${!online.value && html`<p class="offline-bar" role="status"><${Icon} name="offline" size=${18} />${t("connection.offline")}</p>`}
        <main id="main" tabindex="-1">${children}</main>
        ${house.value.contact && html`<footer class="contact"><${Contact} to=${house.value.contact} /></footer>`}
      </div>
      <${BottomBar} entries=${[...desk, ...main, ...admin]} />
    </div>`;
}

/** What can be followed is a link. @param {{to: string}} props */
function Contact({ to }) {
  const href = /^https?:\/\/\S+$/i.test(to) ? to : /^[^\s@]+@[^\s@]+$/.test(to) ? `mailto:${to}` : /^\+?[\d\s().-]{6,}$/.test(to) ? `tel:${to.replace(/[^\d+]/g, "")}` : null;
  return html`<p class="soft">${t("house.contact")} ${href ? html`<a href=${href}>${to}</a>` : to}</p>`;
}

/** Signing in comes back to this page, except to pages that make no sense afterwards. */
function next() {
  const { path, query } = place.value;
  return /^\/(register|forgot|reset|verify)/.test(path) ? "/" : path + (query.size ? `?${query}` : "");
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Connection() {
  const state = connection.value;
  if (state === "off" || state === "connecting") return null;
  return html`<span class=${`connection ${state}`} title=${t(`connection.${state}_hint`)} role="status"><i></i><span>${t(`connection.${state}`)}</span></span>`;
}

/** @param {{entries: Entry[]}} props */
function BottomBar({ entries: all }) {
  const [open, setOpen] = useState(false);
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = all.length <= 4 ? all : all.slice(0, 4);
  const rest = all.slice(shown.length);
  useDismiss(ref, open, () => setOpen(false));
  useEffect(() => setOpen(false), [place.value.path]);
  return html`
    <nav class="bottom" aria-label=${t("nav.label")} ref=${ref}>
      ${shown.map((entry) => html`<${NavLink} key=${entry.href} entry=${entry} short />`)}
      ${rest.length > 0 && html`<button type="button" aria-expanded=${open ? "true" : "false"} class=${rest.some((entry) => isCurrent(entry.href)) ? "current" : ""} onClick=${() => setOpen(!open)}><${Icon} name="more" /><span>${t("nav.more")}</span></button>`}
      ${open && html`<div class="popover up">${rest.map((entry) => html`<${NavLink} key=${entry.href} entry=${entry} />`)}</div>`}
    </nav>`;
}

function PersonButton() {
  const person = user.value;
  return html`<${PersonMenuButton} face=${person && html`<${Avatar} name=${person.name} url=${person.avatar_url} size="s" />`} />`;
}

/** @param {{face?: any}} props */
function PersonMenuButton({ face }) {
  const [open, setOpen] = useState(false);
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useDismiss(ref, open, () => setOpen(false));
  useEffect(() => setOpen(false), [place.value.path]);
  return html`<div class="pop-holder" ref=${ref}>
    <button class="icon-button" type="button" aria-expanded=${open ? "true" : "false"} aria-label=${user.value ? t("nav.person", { name: user.value.name }) : t("nav.settings")} onClick=${() => setOpen(!open)}>${face ?? html`<${Icon} name="globe" />`}</button>
    ${open && html`<${PersonMenu} />`}
  </div>`;
}

/**
 * Closes what floats on Escape and on a press elsewhere.
 * @param {{current: HTMLElement | null}} ref @param {boolean} open @param {() => void} close
 */
export function useDismiss(ref, open, close) {
  useEffect(() => {
    if (!open) return;
    const away = (/** @type {PointerEvent} */ event) => {
      if (!ref.current?.contains(/** @type {Node} */ (event.target))) close();
    };
    const escape = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape") return;
      close();
      ref.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);
}
