// What the design page shows its parts with: read once from the house, completed with what is rare.
import { api, now } from "../api.js";
import { zone } from "../store.js";
import { addDays, instantOf, today } from "../time.js";

/** @import { Booking, Expert, Notification, Rule, Schedule, Webhook } from "../types.js" */

/** A word that nothing breaks, and a text that does not end soon. */
export const LONG = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz";
export const WORDS = "Nguyễn Phước Thị Bích Trâm-Anastasia von und zu Hohenlohe-Langenburg";

const HOUR = 3_600_000;
/** @param {number} hours from now, on the full hour */
export const hence = (hours) => new Date(Math.ceil(now() / HOUR) * HOUR + hours * HOUR).toISOString();

/**
 * @typedef {object} Samples
 * @property {Expert} expert
 * @property {Schedule} schedule
 * @property {Booking[]} bookings one of each status
 * @property {Booking | null} repeated one of a series
 * @property {any[]} history
 * @property {Notification[]} news
 * @property {Rule[]} rules versions of one, newest first
 * @property {string[]} kinds
 * @property {Webhook | null} webhook
 * @property {string | null} delivery
 * @property {any} decision
 * @property {import("../types.js").Branch} house a branch that there is
 */

/** @returns {Promise<Samples>} */
export async function readSamples() {
  const [experts, found, rules, texts, webhooks, deliveries, events, branches] = await Promise.all([
    api.get("/experts", { limit: 1 }),
    api.get("/bookings", { limit: 100 }),
    api.get("/admin/rules"),
    api.get("/admin/templates", { channel: "inbox", language: "en" }),
    api.get("/admin/webhooks", { limit: 1 }),
    api.get("/admin/deliveries", { limit: 1, channel: "email" }),
    api.get("/admin/events", { type: "booking.confirmed", limit: 1 }),
    api.get("/branches", { limit: 1 }),
  ]);
  const [expert] = experts.items;
  if (!expert) throw new Error("nobody to show");
  /** @type {Booking[]} */
  const bookings = ["pending", "confirmed", "rejected", "cancelled", "completed", "missed"].map((status) => found.items.find((/** @type {Booking} */ one) => one.status === status) ?? made(status, expert));
  const [event] = events.items;
  const [schedule, history, versions, explained] = await Promise.all([
    api.get(`/experts/${expert.id}/schedule`),
    found.items.length ? api.get(`/bookings/${found.items[0].id}/history`) : { items: [] },
    api.get(`/admin/rules/${rules.items[0].id}/versions`),
    event?.people?.[0] ? api.get("/admin/explain", { event_id: event.id, user_id: event.people[0] }) : null,
  ]);
  return {
    expert,
    schedule,
    bookings,
    repeated: found.items.find((/** @type {Booking} */ one) => one.series) ?? null,
    history: history.items,
    news: ["booking.created", "booking.confirmed", "booking.reminder"].map((kind, n) => news(kind, n)),
    rules: versions.items,
    kinds: [...new Set(texts.items.map((/** @type {{kind: string}} */ one) => one.kind))],
    webhook: webhooks.items[0] ?? null,
    delivery: deliveries.items[0]?.id ?? null,
    decision: explained?.decisions?.[0] ?? null,
    house: branches.items[0] ?? branch(),
  };
}

/** @param {string} status @param {Expert} expert @returns {Booking} */
function made(status, expert) {
  return {
    id: "0192d3a0-0000-7000-8000-000000000000", code: "123456", status: /** @type {any} */ (status), expert, client: { id: "0192d3a0-0000-7000-8000-000000000001", name: "Ann Early" },
    starts_at: hence(26), ends_at: hence(27), minutes: 60, time_zone: expert.time_zone, clock_moved: null, mode: "online", place: null, link: "https://meet.example/room", note: "My knee.",
    reason: null, created_at: hence(-3), updated_at: hence(-2), confirmed_at: null, version: 1, actions: [], cancel_until: null, review: null, session: null, series: null,
  };
}

/** The same booking with everything in it that is rare or long. @param {Booking} booking @returns {Booking} */
export const crowded = (booking) => ({
  ...booking, client: { ...booking.client, name: WORDS }, note: `${LONG} ${LONG}`, place: `${LONG} 14`, reason: LONG, link: `https://meet.example/${LONG}`,
  clock_moved: { promised: "2026-12-01T09:00", shown: "2026-12-01T10:00" }, actions: ["confirm", "reject", "cancel", "reschedule", "keep"],
});

/** @param {string} kind @param {number} n @returns {Notification} */
const news = (kind, n) => ({
  id: `0192d3a0-0000-7000-8000-00000000001${n}`, offset: n, category: "booking", kind, title: n === 1 ? `${WORDS} ${LONG}` : "Ann Early asks for tomorrow, 14:00", body: n === 1 ? LONG : "Online, 60 minutes.",
  data: {}, read_at: n === 2 ? hence(-1) : null, created_at: hence(-n - 1),
});

/** @param {Expert} expert @returns {import("../types.js").GroupSession} */
export const groupSession = (expert) => ({
  id: "0192d3a0-0000-7000-8000-00000000000b", expert, title: "Breathing, for beginners", description: "Bring a mat.", status: "open", starts_at: hence(30), ends_at: hence(31), minutes: 60, time_zone: expert.time_zone,
  mode: "offline", place: "The big room", link: null, seats: 12, taken: 9, left: 3, auto_confirm: true, reason: null, version: 1,
});

/** @returns {import("../types.js").Branch} */
export const branch = () => ({
  id: "0192d3a0-0000-7000-8000-00000000000c", name: "Riverside", address: "14 Quay Street", phone: "+84281234567", time_zone: "Asia/Ho_Chi_Minh", active: true,
  weekly: [{ weekday: "monday", from: "08:00", until: "12:00" }, { weekday: "monday", from: "13:00", until: "17:00" }], overrides: [{ date: hence(48).slice(0, 10), intervals: [] }, { date: hence(96).slice(0, 10), intervals: [{ from: "09:00", until: "11:00" }] }],
  settings: { default_minutes: 60, horizon_days: 7, min_notice_minutes: 30, queue_timeout_minutes: 120, most_waiting: 50, offer_minutes: 5, max_load: 3, presence_minutes: 60, strategy: "smart", half_life_days: 14 },
  rating: 4.6, review_count: 12, version: 1,
});

/** @param {Expert} expert @returns {import("../types.js").Assignment} */
export const assignment = (expert) => ({
  branch: { id: branch().id, name: branch().name }, strategy: "smart", skill: null, expert_id: expert.id, attempt: 1,
  passed_on: [{ expert_id: branch().id, name: WORDS }],
  candidates: [
    { expert_id: expert.id, name: expert.name, score: 1.25, parts: [{ part: "share", value: 1 }, { part: "previous", value: 0.25 }] },
    { expert_id: branch().id, name: WORDS, score: -0.5, parts: [{ part: "load", value: -0.5 }] },
    { expert_id: "gone", name: null, score: -1, parts: [] },
  ],
});

/** @param {Expert} expert @param {import("../queue.js").VisitState} state @param {Partial<import("../queue.js").Visit>} [more] @returns {import("../queue.js").Visit} */
export const visit = (expert, state, more = {}) => {
  const at = (/** @type {number} */ minutes) => new Date(now() + minutes * 60_000).toISOString();
  return {
    id: `0192d3a0-0000-7000-8000-00000000002${["waiting", "offered", "called", "serving"].indexOf(state) + 1}`, number: 14, branch: { id: branch().id, name: branch().name }, state, name: "Ann Early", client: null, wanted_expert: null,
    expert: ["offered", "called", "serving", "done"].includes(state) ? { id: expert.id, name: expert.name } : null, booking_id: null, skill: null, note: null, minutes: 30, ahead: state === "waiting" ? 2 : 0,
    estimate: state === "waiting" ? { p50_at: at(12), p90_at: at(26), p50_minutes: 12, p90_minutes: 26 } : null, misses: 0, joined_at: at(-17), not_before: null, times_out_at: at(90), offer_expires_at: state === "offered" ? at(4) : null,
    called_at: state === "called" ? at(-1) : null, started_at: state === "serving" ? at(-8) : null, ended_at: null, transferred_from: null, transferred_to: null, version: 1, ...more,
  };
};

/**
 * A day of a branch with these bookings from eight o'clock on, one after the other.
 * @param {Expert} expert @param {Booking[]} bookings
 * @returns {{sheet: import("../day.js").DaySheet, bookings: Booking[]}}
 */
export function day(expert, bookings) {
  const date = today(zone.value);
  const at = (/** @type {number} */ hour) => instantOf(`${date}T${String(hour).padStart(2, "0")}:00`, zone.value);
  const stretch = (/** @type {number} */ from, /** @type {number} */ until) => ({ starts_at: at(from), ends_at: at(until) });
  const other = { id: branch().id, name: WORDS };
  return {
    sheet: {
      branch: { id: branch().id, name: branch().name }, time_zone: zone.value, date, starts_at: at(0), ends_at: instantOf(`${addDays(date, 1)}T00:00`, zone.value), opening: [stretch(8, 18)],
      experts: [
        { expert: { id: expert.id, name: expert.name }, presence: "online", skills: [], hours: [stretch(8, 12), stretch(13, 18)], holiday: false, away: [{ ...stretch(16, 17), cause: "time_off", reason: "Dentist" }] },
        { expert: other, presence: "offline", skills: [], hours: [], holiday: true, away: [] },
      ],
      sessions: [{ ...stretch(14, 15), id: groupSession(expert).id, expert: other, title: groupSession(expert).title, seats: 12, taken: 9 }],
      arrivals: [],
    },
    bookings: bookings.map((one, n) => ({ ...one, ...stretch(8 + n, 9 + n), session: null, expert: { id: expert.id, name: expert.name } })),
  };
}

/** @param {Expert} expert @returns {import("../queue.js").Line} */
export const line = (expert) => ({
  branch_id: branch().id, open: true, reason: null, waiting: 3, called: 1, serving: 1, estimate: visit(expert, "waiting").estimate, visits: null,
  board: [{ number: 9, state: "serving", expert: { id: expert.id, name: WORDS } }, { number: 11, state: "called", expert: { id: expert.id, name: expert.name } }, ...[12, 13, 14].map((number) => ({ number, state: /** @type {const} */ ("waiting"), expert: null }))],
});
