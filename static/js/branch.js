// A branch as something whose time is chosen: the pages that show an expert's times show those of a branch, too.

import { user } from "./session.js";

/** @import { Counts, Expert, Override, Ref, WeeklyInterval } from "./types.js" */

/**
 * @typedef {object} BranchSettings
 * @property {number} default_minutes
 * @property {number} horizon_days
 * @property {number} min_notice_minutes
 * @property {number} queue_timeout_minutes
 * @property {number} most_waiting 0: it has no line
 * @property {number} offer_minutes
 * @property {number | null} max_load
 * @property {number} presence_minutes
 * @property {"smart" | "round_robin" | "least_loaded"} strategy
 * @property {number} half_life_days
 */

/**
 * @typedef {object} Branch
 * @property {string} id
 * @property {string} name
 * @property {string} address
 * @property {string | null} phone
 * @property {string} time_zone
 * @property {boolean} active
 * @property {WeeklyInterval[] | null} weekly none: those of its experts count
 * @property {Override[]} overrides
 * @property {BranchSettings} settings
 * @property {number | null} rating
 * @property {number} review_count
 * @property {number} version
 */

/**
 * @typedef {object} Assignment why a branch gave a booking to its expert
 * @property {Ref} branch
 * @property {BranchSettings["strategy"]} strategy
 * @property {string | null} skill
 * @property {string} expert_id
 * @property {number} attempt
 * @property {{expert_id: string, name: string | null}[]} passed_on who was asked before
 * @property {{expert_id: string, name: string | null, score: number, parts: {part: string, value: number}[]}[]} candidates
 */

/**
 * @typedef {object} Statistics how a branch fared
 * @property {Ref} branch
 * @property {string} time_zone
 * @property {string} from
 * @property {string} to
 * @property {Counts} bookings
 * @property {{date: string, counts: Counts, created: number}[]} days
 * @property {{expert: Ref, counts: Counts, booked_minutes: number, open_minutes: number, cancelled: Sides}[]} experts
 * @property {Sides} cancelled
 * @property {number | null} mean_lead_minutes
 * @property {{count: number, mean: number | null, stars: number[], newest: {booking_id: string, expert: Ref, client_name: string, stars: number, text: string, created_at: string}[]}} reviews
 * @property {{given: number, passed_on: number, with_skill: number, only_one: number, by_strategy: {strategy: string, count: number}[], decided_by: {part: string, count: number}[]}} assignments
 * @property {{count: number, mean_error_minutes: number | null, within_p90: number | null}} estimates how well waits in the queue were foretold
 */

/** @typedef {{by_client: number, by_staff: number, by_system: number}} Sides by whom bookings were cancelled */

/**
 * What the pages need of whoever is booked. A branch is booked without a person; the skill narrows who may be found.
 * @typedef {Pick<Expert, "id" | "name" | "time_zone" | "booking_rules"> & {next_free_at?: string | null, branch?: boolean, skill?: string | null}} Host
 */

/** @param {Branch} branch @param {string | null} skill @returns {Host} */
export const asHost = (branch, skill) => ({
  id: branch.id,
  name: branch.name,
  time_zone: branch.time_zone,
  branch: true,
  skill,
  booking_rules: {
    minutes: [branch.settings.default_minutes],
    interval_minutes: 0,
    buffer_before_minutes: 0,
    buffer_after_minutes: 0,
    min_notice_minutes: branch.settings.min_notice_minutes,
    horizon_days: branch.settings.horizon_days,
    max_per_day: null,
    max_per_week: null,
    auto_confirm: false,
    cancel_notice_minutes: 0,
  },
});

/** Who is asked, as a booking names it. @param {Host} host */
export const target = (host) => (host.branch ? { branch_id: host.id, ...(host.skill ? { skill: host.skill } : {}) } : { expert_id: host.id });

/** Whether the reader runs a branch, or could open one where there is none yet. @param {string} [id] */
export const runs = (id) => user.value?.role === "admin" || (user.value?.role === "manager" && id !== undefined && user.value.branch_id === id);

/** Where free times are read, and which topic tells of them. @param {Pick<Host, "id" | "branch" | "skill">} host */
export const timesOf = (host) =>
  host.branch
    ? { path: `/branches/${host.id}/slots`, topic: `branch:${host.id}:slots`, ...(host.skill ? { skill: host.skill } : {}) }
    : { path: `/experts/${host.id}/slots`, topic: `expert:${host.id}:slots` };
