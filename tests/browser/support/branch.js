// Branches and experts of a story's own, whose bookings and lines no other story counts.
import assert from "node:assert/strict";
import { call, signIn } from "./browser.js";

/** The password of everybody made here. */
export const SECRET = "a-branch-of-its-own";
const WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DAY = { from: "00:00", until: "24:00" };
let made = 0;

/** An address that nobody has. */
const address = (name, domain) => `${name.toLowerCase().replace(/\W+/g, ".")}.${Date.now()}.${process.pid}.${++made}@${domain}.test`;

/** A zone whose clock shows nine or so in the morning, so that its day is long enough for what a story does today. */
export function morning() {
  const ahead = 9 - new Date().getUTCHours();
  const hours = ahead > 12 ? ahead - 24 : ahead < -12 ? ahead + 24 : ahead;
  return hours === 0 ? "Etc/GMT" : `Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`;
}

/** Whatever was asked for has to be done. */
async function done(method, path, options) {
  const { status, body } = await call(method, path, options);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Somebody new of a branch, there at these hours of every day. */
export async function newExpert(branch, name, hours = DAY, rules = {}) {
  const { access_token: admin } = await signIn("admin@belfry.test");
  const email = address(name, "branch");
  const { user } = await done("POST", "/auth/register", { body: { email, password: SECRET, name, time_zone: branch.time_zone, locale: "en" } });
  await done("PATCH", `/admin/users/${user.id}`, { token: admin, body: { role: "expert", branch_id: branch.id } });
  const { booking_rules } = await done("GET", `/experts/${user.id}/schedule`, { token: admin });
  const weekly = WEEK.map((weekday) => ({ weekday, ...hours }));
  await done("PUT", `/experts/${user.id}/schedule`, { token: admin, body: { time_zone: branch.time_zone, weekly, booking_rules: { ...booking_rules, ...rules } } });
  return { id: user.id, name, email };
}

/**
 * The same with a branch of their own, as everybody may read them: whom no other story books, and whose page, news and
 * free times nobody else changes.
 */
export async function ownExpert(name, { hours = DAY, rules = {}, time_zone = "Europe/London" } = {}) {
  const expert = await newExpert(await newBranch(`House of ${name}`, { time_zone }), name, hours, rules);
  return { ...(await done("GET", `/experts/${expert.id}`)), ...expert };
}

/** Somebody new without a role, and a token of theirs: free at any time, with nothing in any list. */
export async function newClient(name) {
  const email = address(name, "client");
  const { user, access_token: token } = await done("POST", "/auth/register", { body: { email, password: SECRET, name, time_zone: "Europe/London", locale: "en" } });
  return { id: user.id, name, email, token };
}

/** A manager of a branch. */
export async function newManager(branch, name = "Mona Manager") {
  const { access_token: token } = await signIn("admin@belfry.test");
  const { id, email } = await newClient(name);
  await done("PATCH", `/admin/users/${id}`, { token, body: { role: "manager", branch_id: branch.id } });
  return { id, name, email };
}

/** A session of somebody who was made here. */
export const tokenOf = async ({ email }) => (await done("POST", "/auth/login", { body: { email, password: SECRET } })).access_token;

/** A booking that has to work: everybody in it is the story's own. */
export const booked = (token, body) => done("POST", "/bookings", { token, body: { mode: "online", ...body } });

/** A branch without anybody yet. */
export async function newBranch(name, { time_zone = "Europe/London", ...rest } = {}) {
  const { access_token: token } = await signIn("admin@belfry.test");
  return done("POST", "/branches", { token, body: { name: `${name} ${Date.now()}`, address: "4 Ropewalk", time_zone, ...rest } });
}
