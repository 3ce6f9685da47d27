// What a rule may be made of, as the server knows it.

export const EVENT_TYPES = [
  "booking.created",
  "booking.confirmed",
  "booking.rejected",
  "booking.cancelled",
  "booking.rescheduled",
  "booking.edited",
  "booking.clock_moved",
  "booking.kept",
  "booking.reminder",
  "booking.missed",
  "booking.completed",
  "booking.reviewed",
  "calendar.conflict",
  "waitlist.joined",
  "waitlist.offered",
  "waitlist.expired",
  "visit.joined",
  "visit.offered",
  "visit.called",
  "visit.served",
  "visit.left",
  "visit.no_show",
  "visit.timed_out",
  "visit.transferred",
  "account.registered",
  "account.password_forgotten",
  "guest.code_asked",
  "digest.closed",
  "webhook.disabled",
];

/** Whether an event is about one account alone. @param {string} type */
const ofAccount = (type) => !type.startsWith("booking.") && type !== "calendar.conflict";

/** Whether it is about a place on a waiting list. @param {string} type */
const ofWaiting = (type) => type.startsWith("waitlist.");

/** Whether it is about a visit to a branch. @param {string} type */
const ofVisit = (type) => type.startsWith("visit.");

/** Who can be told of an event. @param {string} type */
export const audiences = (type) => {
  if (type === "webhook.disabled") return ["administrators"];
  if (ofWaiting(type) || ofVisit(type)) return ["client", "expert"];
  return ofAccount(type) ? ["holder"] : ["client", "expert", "manager", "followers"];
};

/** Where the button of a message can lead. @param {string} type */
export function pages(type) {
  if (type === "account.registered") return ["verify", "inbox"];
  if (type === "account.password_forgotten") return ["reset", "inbox"];
  if (ofWaiting(type)) return ["waiting_list", "another_time", "inbox"];
  if (ofVisit(type)) return ["visit", "inbox"];
  return ofAccount(type) ? ["inbox"] : ["booking", "another_time", "inbox"];
}

/** Whether a calendar file can go with it. @param {string} type */
export const hasCalendar = (type) => !ofAccount(type);

export const CATEGORIES = ["booking", "reminder", "review", "account", "digest"];
export const CLASSES = ["transactional", "service", "marketing"];

const booking = ["status", "mode", "minutes_to_start", "offset_minutes", "starts_at", "ends_at", "previous_starts_at", "promised_start", "time_zone", "code", "booking_id", "sequence", "place", "link", "note", "reason", "session", "series", "client.name", "client.id", "expert.name", "expert.id", "actor_name", "actor_role", "actor_id", "event"];
/** @type {Record<string, string[]>} */
const others = { "digest.closed": ["way", "items", "user_id", "window_id", "event"], "webhook.disabled": ["webhook_id", "url", "cause", "event"] };

const waiting = ["status", "minutes", "from", "until", "time_zone", "mode", "note", "starts_at", "ends_at", "expires_at", "waiting_id", "session", "client.name", "client.id", "expert.name", "expert.id", "actor_name", "actor_role", "actor_id", "event"];

const visit = ["state", "number", "name", "branch.name", "branch.id", "minutes", "skill", "note", "joined_at", "offer_expires_at", "misses", "booking_id", "visit_id", "previous_id", "next_id", "moved_to", "client", "expert", "actor_name", "actor_role", "actor_id", "event"];

/** What a condition may name. @param {string} type */
export const facts = (type) => (ofWaiting(type) ? waiting : ofVisit(type) ? visit : ofAccount(type) ? others[type] ?? ["user_id", "auth_epoch", "event"] : booking);

/** @import { Rule, RuleDraft } from "./types.js" */

/** The parts that an administrator chooses, in the order in which they are read. */
export const PARTS = /** @type {(keyof RuleDraft)[]} */ (["enabled", "on", "audience", "condition", "kind", "category", "class", "critical", "inbox", "channels", "own", "fallback", "delay_minutes", "calendar", "page"]);

/** A rule without what the house says about it. @param {Rule | RuleDraft} rule @returns {RuleDraft} */
export const draftOf = (rule) => /** @type {any} */ (Object.fromEntries(PARTS.map((part) => [part, rule[part]])));

/** The parts in which two differ. @param {RuleDraft} one @param {RuleDraft} other */
export const differing = (one, other) => PARTS.filter((part) => JSON.stringify(one[part]) !== JSON.stringify(other[part]));

/** @returns {RuleDraft} */
export const emptyDraft = () => ({
  on: "booking.created", audience: "manager", condition: null, kind: "booking.created", category: "booking", class: "transactional", critical: false,
  inbox: true, channels: ["email"], own: [], fallback: [], delay_minutes: 0, calendar: null, page: "booking", enabled: true,
});
