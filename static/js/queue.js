// The line of a branch, and a person's place in it, called a visit. Guests prove who they are by the secret of their
// visit, which this device keeps; no request has it in its address.
import { useEffect, useState } from "preact/hooks";
import { Problem, now } from "./api.js";
import { t } from "./i18n.js";
import { user } from "./session.js";
import { onNews, onTopic, topicsArrive } from "./socket.js";
import { formatLength } from "./time.js";
import { useWatched } from "./watched.js";

/** @import { Api } from "./api.js" */
/** @import { Expert, Ref } from "./types.js" */
/** @import { Watched } from "./watched.js" */

/** @typedef {"waiting" | "offered" | "called" | "serving" | "done" | "left" | "no_show" | "timed_out" | "transferred"} VisitState */
/** @typedef {{p50_at: string, p90_at: string, p50_minutes: number, p90_minutes: number}} Estimate */

/**
 * @typedef {object} Visit
 * @property {string} id
 * @property {number} number what is called out
 * @property {Ref} branch
 * @property {VisitState} state
 * @property {string} name
 * @property {Ref | null} client
 * @property {Ref | null} expert
 * @property {Ref | null} wanted_expert
 * @property {string | null} booking_id
 * @property {string | null} skill
 * @property {string | null} note
 * @property {number} minutes
 * @property {number} ahead
 * @property {Estimate | null} estimate
 * @property {number} misses offers that were let pass
 * @property {string} joined_at
 * @property {string | null} not_before
 * @property {string | null} times_out_at
 * @property {string | null} offer_expires_at
 * @property {string | null} called_at
 * @property {string | null} started_at
 * @property {string | null} ended_at
 * @property {string | null} transferred_from
 * @property {string | null} transferred_to
 * @property {string | null} [secret] in the answer to a join without an account
 * @property {number} version
 */

/**
 * @typedef {object} Line
 * @property {string} branch_id
 * @property {boolean} open
 * @property {"off" | "inactive" | "hours" | "full" | null} reason
 * @property {number} waiting
 * @property {number} called
 * @property {number} serving
 * @property {Estimate | null} estimate of one who joins now
 * @property {{number: number, state: VisitState, expert: Ref | null}[]} board
 * @property {Visit[] | null} visits for staff of the branch
 */

export const STATES = /** @type {const} */ (["waiting", "offered", "called", "serving", "done", "left", "no_show", "timed_out", "transferred"]);
const OPEN = ["waiting", "offered", "called", "serving"];

/** @param {Pick<Visit, "state">} visit */
export const isOver = (visit) => !OPEN.includes(visit.state);

/** Without a socket it is asked for as often as this. */
const LINE_MS = 6000;
const VISIT_MS = 8000;
/** The nearer the turn, the oftener. */
const NEAR_MS = 3000;
const OVER_MS = 60_000;

/** @param {string} branchId @param {number} [every] @returns {Watched<Line>} */
export const useLine = (branchId, every = LINE_MS) => useWatched({ path: `/branches/${branchId}/queue`, follow: (read) => [onTopic(`branch:${branchId}:queue`, read)], every });

/**
 * @param {string} id @param {Api} via whose visit it is @param {boolean} guest nobody tells a guest of changes
 * @returns {Watched<Visit>}
 */
export const useVisit = (id, via, guest) =>
  useWatched({
    path: `/visits/${id}`,
    via,
    follow: (read) => [
      onTopic("user", (event) => event?.data?.visit_id === id && read()),
      onNews((one) => one.data?.visit_id === id && read()),
    ],
    arrives: () => !guest && topicsArrive(),
    every: (visit) => (!visit || (visit.state === "waiting" && visit.ahead > 1) ? VISIT_MS : isOver(visit) ? OVER_MS : NEAR_MS),
  });

/** The present instant, again and again. @param {number} ms */
export function useNow(ms) {
  const [at, setAt] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setAt(now()), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return at;
}

/** From here on minutes are told in fives: nobody knows them better. */
const COARSE = 15;

/** "about 10–25 min". @param {Pick<Estimate, "p50_minutes" | "p90_minutes">} estimate */
export function waitWords({ p50_minutes: likely, p90_minutes: late }) {
  const from = likely > COARSE ? Math.floor(likely / 5) * 5 : likely;
  const to = late > COARSE ? Math.ceil(late / 5) * 5 : late;
  if (to < 1) return t("queue.at_once");
  if (from < 1) return t("queue.within", { time: formatLength(to) });
  if (from >= to) return t("queue.about", { time: formatLength(to) });
  return t("queue.between", { from: to < 60 ? from : formatLength(from), to: formatLength(to) });
}

/** Whether an expert may take a visit now. @param {Visit} visit @param {Pick<Expert, "id" | "tags">} expert */
export const fits = (visit, expert) =>
  (visit.state === "waiting" || (visit.state === "offered" && visit.expert?.id === expert.id)) &&
  (!visit.wanted_expert || visit.wanted_expert.id === expert.id) &&
  (!visit.skill || expert.tags.includes(visit.skill)) &&
  (!visit.not_before || Date.parse(visit.not_before) <= now());

/** Who has somebody. @param {Visit[]} visits @param {string} expertId */
export const visitOf = (visits, expertId) => visits.find((visit) => visit.state !== "waiting" && visit.expert?.id === expertId);

/** Whom an expert sees next: whoever was offered to them, else the first who fits. @param {Visit[]} visits @param {Pick<Expert, "id" | "tags">} expert */
export function nextFor(visits, expert) {
  const theirs = visitOf(visits, expert.id);
  if (theirs) return theirs.state === "offered" ? theirs : undefined;
  return visits.find((visit) => fits(visit, expert));
}

const KEY = "belfry.visits";
const MOST = 12;
const DAY_MS = 86_400_000;

/** @typedef {{id: string, branch: string, secret: string | null, user: string | null, over: boolean, at: number}} Ticket as this device keeps it */

/** @returns {Ticket[]} */
function tickets() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** Remembers a visit, so that a reload and the branch's page find it. @param {Visit} visit @param {string | null} secret */
export function keepTicket(visit, secret) {
  const rest = tickets().filter((one) => one.id !== visit.id);
  const ticket = { id: visit.id, branch: visit.branch.id, secret, user: secret ? null : user.peek()?.id ?? null, over: isOver(visit), at: Date.parse(visit.joined_at) };
  localStorage.setItem(KEY, JSON.stringify([ticket, ...rest].slice(0, MOST)));
}

/** @param {string} id */
export const secretOf = (id) => tickets().find((one) => one.id === id)?.secret ?? null;

/** A visit of the reader's at a branch, as far as this device knows. @param {string} branchId */
export const ticketAt = (branchId) => tickets().find((one) => one.branch === branchId && !one.over && now() - one.at < DAY_MS && (one.secret || (one.user && one.user === user.value?.id)));

/** The visit that stands in the line already, where that is why somebody could not join. @param {unknown} problem @returns {string | null} */
export const standingAs = (problem) => (problem instanceof Problem && problem.slug === "already-in-queue" ? problem.body.visit?.id ?? null : null);

/** Where a visit is shown. What follows the # never leaves the browser. @param {string} id @param {string | null} [secret] */
export const ticketPath = (id, secret) => (secret ? `/q/${id}#${secret}` : `/visits/${id}`);

/** Whether the reader works at a branch, or runs it. @param {string} branchId */
export function worksAt(branchId) {
  const me = user.value;
  return me?.role === "admin" || ((me?.role === "manager" || me?.role === "expert") && me.branch_id === branchId);
}
