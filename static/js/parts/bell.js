// The bell: how many are unread, live, and the newest ten on a press.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { place } from "../router.js";
import { attempt } from "../run.js";
import { countUnread, onNews, onRead } from "../socket.js";
import { unread } from "../store.js";
import { Icon } from "./icon.js";
import { NotificationRow, withRead } from "./notification.js";
import { useDismiss } from "./shell.js";
import { Empty, Skeleton } from "./states.js";

/** @import { Notification } from "../types.js" */

export function Bell() {
  const [open, setOpen] = useState(false);
  const [items, setItems] = useState(/** @type {Notification[] | null} */ (null));
  const [arrived, setArrived] = useState("");
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useDismiss(ref, open, () => setOpen(false));
  useEffect(() => setOpen(false), [place.value.path]);

  useEffect(() => {
    const stopNews = onNews((one) => {
      setItems((old) => old && [one, ...old.filter((other) => other.id !== one.id)].slice(0, 10));
      // A burst is told as its last title, not read out one by one.
      setArrived(one.title);
    });
    const stopRead = onRead((read) => setItems((old) => old && withRead(old, read)));
    return () => {
      stopNews();
      stopRead();
    };
  }, []);

  const show = async () => {
    setOpen(!open);
    if (open) return;
    const read = await attempt(async () => {
      setItems((await api.get("/notifications", { limit: 10 })).items);
      countUnread();
    });
    if (!read) setOpen(false);
  };

  const readAll = () =>
    attempt(async () => {
      await api.post("/notifications/read-all");
      setItems((old) => old && withRead(old, { up_to: Infinity }));
      countUnread();
    });

  const count = unread.value;
  return html`<div class="pop-holder bell" ref=${ref}>
    <button class="icon-button" type="button" aria-expanded=${open ? "true" : "false"} aria-label=${t("bell.label", { n: count })} onClick=${show}>
      <${Icon} name="bell" size=${22} />
      ${count > 0 && html`<span class="count" aria-hidden="true">${count > 99 ? "99+" : count}</span>`}
    </button>
    <span class="sr-only" role="status" aria-live="polite">${arrived}</span>
    ${open &&
    html`<section class="popover bell-list" aria-label=${t("bell.newest")}>
      <header class="row between">
        <h2>${t("nav.notifications")}</h2>
        ${count > 0 && html`<button class="link-button" type="button" onClick=${readAll}>${t("notifications.mark_all")}</button>`}
      </header>
      ${items === null && html`<${Skeleton} rows=${3} />`}
      ${items?.length === 0 && html`<${Empty} icon="bell" title=${t("notifications.empty")} text=${t("notifications.empty_text")} />`}
      ${items && items.length > 0 && html`<ul class="news-list">${items.map((one) => html`<${NotificationRow} key=${one.id} notification=${one} />`)}</ul>`}
      <a class="popover-foot" href="/notifications">${t("bell.all")}</a>
    </section>`}
  </div>`;
}
