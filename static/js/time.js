// Instants, wall clocks and how they read. An instant is an ISO string in UTC; a date is "YYYY-MM-DD"; wall-clock
// arithmetic goes through the zone's own calendar, never by adding hours to a local midnight.
import { now } from "./api.js";
import { regional, t } from "./i18n.js";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} language @param {Intl.DateTimeFormatOptions} options */
function format(language, options) {
  const key = language + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(language, options);
    formats.set(key, found);
  }
  return found;
}

/** Hours of a day as people read them. @param {import("./types.js").Interval[]} intervals */
export const formatHours = (intervals) =>
  [...intervals]
    .sort((a, b) => (a.from < b.from ? -1 : 1))
    .map(({ from, until }) => `${from}–${until}`)
    .join(", ") || t("schedule.closed");

let zoneOfDevice = "";

/** The zone of this device. Asked for only where it is needed: a browser's first format takes it tens of milliseconds. */
export const deviceZone = () => (zoneOfDevice ||= Intl.DateTimeFormat().resolvedOptions().timeZone);

/** @returns {string[]} */
export const allZones = () => {
  const zones = Intl.supportedValuesOf("timeZone");
  return zones.includes("UTC") ? zones : ["UTC", ...zones];
};

/** The wall clock of an instant: "2026-12-01T09:30:00". @param {string | number | Date} instant @param {string} zone */
export function wallClock(instant, zone) {
  const parts = format("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(new Date(instant));
  const part = (/** @type {string} */ type) => parts.find((p) => p.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}`;
}

/** @param {string | number | Date} instant @param {string} zone */
export const dateIn = (instant, zone) => wallClock(instant, zone).slice(0, 10);

/** @param {string} zone */
export const today = (zone) => dateIn(now(), zone);

/**
 * The instant of a wall clock in a zone. A time that a clock change skips moves forward by the length of the gap.
 * @param {string} wall "YYYY-MM-DDTHH:MM" with or without seconds
 * @param {string} zone
 */
export function instantOf(wall, zone) {
  const full = wall.length === 16 ? `${wall}:00` : wall.slice(0, 19);
  const target = Date.parse(`${full}Z`);
  const offset = (/** @type {number} */ at) => Date.parse(`${wallClock(at, zone)}Z`) - at;
  const first = target - offset(target);
  const second = target - offset(first);
  const hit = [second, first].find((at) => wallClock(at, zone) === full) ?? Math.max(first, second);
  return new Date(hit).toISOString().replace(".000Z", "Z");
}

/** @param {string} date @param {number} days */
export function addDays(date, days) {
  const at = new Date(`${date}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** First day of the month `months` away. @param {string} date @param {number} months */
export function monthStart(date, months = 0) {
  const at = new Date(`${date.slice(0, 7)}-01T00:00:00Z`);
  at.setUTCMonth(at.getUTCMonth() + months);
  return at.toISOString().slice(0, 10);
}

/** @param {string} from @param {string} until */
export const daysBetween = (from, until) => Math.round((Date.parse(until) - Date.parse(from)) / 86_400_000);

/** 0 is Monday. @param {string} date */
export const weekday = (date) => (new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7;

export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/** @param {number} index 0 is Monday @param {"long" | "short" | "narrow"} [width] */
export const weekdayName = (index, width = "long") =>
  format(regional.value, { weekday: width, timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, 1 + index)));

/** @param {string} date @param {Intl.DateTimeFormatOptions} [options] */
export const formatDate = (date, options = { weekday: "short", day: "numeric", month: "short" }) =>
  format(regional.value, { ...options, timeZone: "UTC" }).format(new Date(`${date}T00:00:00Z`));

/** @param {string} date */
export const formatMonth = (date) => formatDate(date, { month: "long", year: "numeric" });

/** @param {string | number} instant @param {string} zone */
export const formatTime = (instant, zone) =>
  format(regional.value, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(instant));

/** @param {string} date @param {string} zone */
export function formatDay(date, zone) {
  const away = daysBetween(today(zone), date);
  if (away >= -1 && away <= 1) return t(["time.yesterday", "time.today", "time.tomorrow"][away + 1]);
  const sameYear = date.slice(0, 4) === today(zone).slice(0, 4);
  return formatDate(date, { weekday: "short", day: "numeric", month: "short", ...(sameYear ? {} : { year: "numeric" }) });
}

/** "tomorrow 14:00". @param {string} instant @param {string} zone */
export const formatWhen = (instant, zone) =>
  t("time.when", { day: formatDay(dateIn(instant, zone), zone), time: formatTime(instant, zone) });

/** "Mon, 29 Mar 09:00" of a wall clock in no zone of its own. @param {string} wall "YYYY-MM-DDTHH:MM" */
export const formatWall = (wall) => t("time.when", { day: formatDate(wall.slice(0, 10)), time: wall.slice(11, 16) });

/** The whole of it, zone and all. @param {string} instant @param {string} zone */
export const formatFull = (instant, zone) =>
  format(regional.value, {
    timeZone: zone,
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  }).format(new Date(instant));

/** Whether two zones show another clock at that instant. @param {string} instant @param {string} a @param {string} b */
export const differ = (instant, a, b) => a !== b && wallClock(instant, a) !== wallClock(instant, b);

/** "Ho Chi Minh" out of "Asia/Ho_Chi_Minh". @param {string} zone */
export const zoneCity = (zone) => (zone.split("/").pop() ?? zone).replaceAll("_", " ");

/** "UTC+7" at that instant. @param {string} zone @param {string | number} [instant] */
export function zoneOffset(zone, instant = now()) {
  const parts = format("en", { timeZone: zone, timeZoneName: "shortOffset" }).formatToParts(new Date(instant));
  return (parts.find((p) => p.type === "timeZoneName")?.value ?? "").replace("GMT", "UTC");
}

/** "3 minutes ago", "in 2 days". @param {string} instant */
export function formatAgo(instant) {
  const seconds = (Date.parse(instant) - now()) / 1000;
  const words = new Intl.RelativeTimeFormat(regional.value, { numeric: "auto" });
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const units = [["day", 86_400], ["hour", 3600], ["minute", 60]];
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return words.format(Math.round(seconds / length), unit);
  }
  return t("time.just_now");
}

/** "30 min", "1 h 30 min". @param {number} minutes */
export function formatLength(minutes) {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (!hours) return t("time.minutes", { n: rest });
  return rest ? t("time.hours_minutes", { h: hours, m: rest }) : t("time.hours", { n: hours });
}

/** @param {string} date */
export const dayNumber = (date) => Number(date.slice(8, 10));
