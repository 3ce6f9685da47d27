// The status of a booking or a delivery: always a word beside the colour.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

/** Of a booking, in the order in which they are counted. */
export const STATUSES = /** @type {const} */ (["pending", "confirmed", "completed", "missed", "rejected", "cancelled"]);

/** @type {Record<string, string>} */
const icons = { pending: "clock", confirmed: "check", rejected: "ban", cancelled: "cross", completed: "star", missed: "offline" };

/** @param {string} status of a booking */
export const statusIcon = (status) => icons[status] ?? "clock";

/** @param {{status: string}} props */
export const Status = ({ status }) => html`
  <span class=${`badge ${status}`}><${Icon} name=${statusIcon(status)} size=${14} />${t(`status.${status}`)}</span>`;

/** @type {Record<string, string>} */
const tones = { sent: "confirmed", kept: "confirmed", dead: "rejected", ambiguous: "missed", skipped: "cancelled" };

/** @param {{status: string}} props */
export const DeliveryStatus = ({ status }) => html`
  <span class=${`badge ${tones[status] ?? "pending"}`}>${t(`delivery.${status}`)}</span>`;

/** @param {{presence: string}} props */
export const Presence = ({ presence }) => html`<span class=${`presence ${presence}`}>${t(`presence.${presence}`)}</span>`;
