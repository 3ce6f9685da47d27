// Branches and experts of a story's own, whose bookings and lines no other story counts.
import assert from "node:assert/strict";
import { call, signIn } from "./browser.js";

/** The password of everybody made here. */
export const SECRET = "a-branch-of-its-own";
const WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DAY = { from: "00:00", until: "24:00" };
let made = 0;

/** Whatever was asked for has to be done. */
async function done(method, path, options) {
  const { status, body } = await call(method, path, options);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body;
}

/** Somebody new of a branch, there at these hours of every day. */
export async function newExpert(branch, name, hours = DAY) {
  const { access_token: admin } = await signIn("admin@belfry.test");
  const email = `${name.toLowerCase().replace(" ", ".")}.${Date.now()}.${++made}@branch.test`;
  const { user } = await done("POST", "/auth/register", { body: { email, password: SECRET, name, time_zone: branch.time_zone, locale: "en" } });
  await done("PATCH", `/admin/users/${user.id}`, { token: admin, body: { role: "expert", branch_id: branch.id } });
  const { booking_rules } = await done("GET", `/experts/${user.id}/schedule`, { token: admin });
  const weekly = WEEK.map((weekday) => ({ weekday, ...hours }));
  await done("PUT", `/experts/${user.id}/schedule`, { token: admin, body: { time_zone: branch.time_zone, weekly, booking_rules } });
  return { id: user.id, name, email };
}

/** Somebody new without a role. */
export async function newClient(name) {
  const email = `${name.toLowerCase().replace(" ", ".")}.${Date.now()}.${++made}@client.test`;
  const { user } = await done("POST", "/auth/register", { body: { email, password: SECRET, name, time_zone: "Europe/London", locale: "en" } });
  return { id: user.id, name, email };
}

/** A branch without anybody yet. */
export async function newBranch(name, { time_zone = "Europe/London", ...rest } = {}) {
  const { access_token: token } = await signIn("admin@belfry.test");
  return done("POST", "/branches", { token, body: { name: `${name} ${Date.now()}`, address: "4 Ropewalk", time_zone, ...rest } });
}
