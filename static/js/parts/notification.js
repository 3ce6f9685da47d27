// One notification, and what can be done with it.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { countUnread } from "../socket.js";
import { Icon } from "./icon.js";
import { Ago } from "./time.js";

/** @import { Notification } from "../types.js" */

/** @type {Record<string, string>} */
const icons = {
  "booking.created": "plus",
  "booking.confirmed": "check",
  "booking.rejected": "ban",
  "booking.cancelled": "cross",
  "booking.rescheduled": "move",
  "booking.edited": "edit",
  "booking.clock_moved": "clock",
  "booking.kept": "check",
  "booking.reminder": "clock",
  "booking.missed": "offline",
  "booking.completed": "star",
  "booking.review_asked": "star",
  "calendar.conflict": "calendar",
  "visit.joined": "people",
  "visit.offered": "ticket",
  "visit.called": "bell",
  "visit.served": "check",
  "visit.left": "out",
  "visit.no_show": "offline",
  "visit.timed_out": "clock",
  "visit.transferred": "move",
  "waitlist.joined": "people",
  "waitlist.offered": "ticket",
  "waitlist.expired": "clock",
};

/** @param {Notification} notification */
export async function markRead(notification) {
  if (notification.read_at) return;
  await api.post(`/notifications/${notification.id}/read`);
  countUnread();
}

/** @param {Notification} notification */
function open(notification) {
  markRead(notification).catch(() => {});
  if (notification.data?.visit_id) go(`/visits/${notification.data.visit_id}`);
  else if (notification.data?.booking_id) go(`/bookings/${notification.data.booking_id}`);
  else if (notification.data?.waiting_id) go(notification.kind === "waitlist.expired" ? "/waiting?when=past" : "/waiting");
}

/**
 * @param {{notification: Notification, onRead?: (notification: Notification) => void,
 *   onDelete?: (notification: Notification) => void}} props
 */
export const NotificationRow = ({ notification: one, onRead, onDelete }) => html`
  <li class=${one.read_at ? "news" : "news unread"}>
    <span class=${`news-icon ${one.kind.split(".")[1]}`}><${Icon} name=${icons[one.kind] ?? "bell"} size=${18} /></span>
    <div class="news-text">
      <button class="news-title" type="button" onClick=${() => open(one)}>${!one.read_at && html`<span class="sr-only">${t("notifications.unread_one")} </span>`}${one.title}</button>
      <p class="soft">${one.body}</p>
      <p class="hint"><${Ago} at=${one.created_at} /></p>
    </div>
    ${onRead && !one.read_at && html`<button class="icon-button small" type="button" aria-label=${t("notifications.mark_one", { title: one.title })} title=${t("notifications.mark")} onClick=${() => onRead(one)}><${Icon} name="check" size=${18} /></button>`}
    ${onDelete && html`<button class="icon-button small" type="button" aria-label=${t("notifications.delete_one", { title: one.title })} title=${t("action.delete")} onClick=${() => onDelete(one)}><${Icon} name="trash" size=${18} /></button>`}
  </li>`;

/**
 * A list after another tab or device has read something.
 * @param {Notification[]} items @param {{id?: string, up_to?: number}} read
 */
export const withRead = (items, { id, up_to: upTo }) =>
  items.map((one) => (one.read_at || (one.id !== id && !(upTo !== undefined && one.offset <= upTo)) ? one : { ...one, read_at: new Date().toISOString() }));
