// The day of a branch, kept open by who runs it: what needs somebody, everybody's bookings along the hours, and the
// figures, all of it as it happens. The date and what is opened are in the address.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../api.js";
import { runs } from "../branch.js";
import { figuresOf, lanesOf, needsOf } from "../day.js";
import { useDecisions } from "../decide.js";
import { html } from "../html.js";
import { formatNumber, t } from "../i18n.js";
import { useAt, useLoad } from "../load.js";
import { Act, Move } from "../parts/booking_actions.js";
import { DayEntry } from "../parts/day_entry.js";
import { DayNeeds } from "../parts/day_needs.js";
import { DaySheet, stretchWords } from "../parts/day_sheet.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, Skeleton } from "../parts/states.js";
import { useNow } from "../queue.js";
import { setQuery } from "../router.js";
import { useRun } from "../run.js";
import { onNews, onResync, onTopic } from "../socket.js";
import { say, zone as readers } from "../store.js";
import { addDays, formatDate, formatTime, today, zoneCity } from "../time.js";

/** @import { Arrival, DaySheet as Sheet } from "../day.js" */
/** @import { Doing } from "../parts/day_entry.js" */
/** @import { Line, Visit } from "../queue.js" */
/** @import { Booking } from "../types.js" */

/** @typedef {{sheet: Sheet, line: Line, bookings: Booking[]}} Day */

const POLL_MS = 30_000;
const TICK_MS = 20_000;
/** Changes come in bursts; one read follows them. */
const SETTLED_MS = 400;
/** A connection hears of so many things at once, and there are others. */
const MOST_FOLLOWED = 40;

/** @param {string} id @param {string} date today without one @returns {Promise<Day>} */
async function readDay(id, date) {
  const [sheet, line] = await Promise.all([/** @type {Promise<Sheet>} */ (api.get(`/branches/${id}/day`, { date })), /** @type {Promise<Line>} */ (api.get(`/branches/${id}/queue`))]);
  /** @type {Booking[]} */
  const bookings = [];
  for (let after = null; ; ) {
    const page = await api.get("/bookings", { branch_id: id, from: sheet.starts_at, to: sheet.ends_at, sort: "starts_at", limit: 100, after });
    bookings.push(...page.items);
    after = page.next;
    if (!after) return { sheet, line, bookings };
  }
}

/** A date that there is, out of an address. @param {string | null} text */
function dateOf(text) {
  if (!text || !/^\d{4}-\d\d-\d\d$/.test(text)) return "";
  const at = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== text ? "" : text;
}

/** @param {{params: {id: string}, query: URLSearchParams}} props */
export default function BranchDay({ params: { id }, query }) {
  if (!runs(id)) return html`<${Empty} page icon="ban" title=${t("denied.title")} text=${t("denied.text")}><a class="button" href="/branches">${t("branches.title")}</a><//>`;
  return html`<${Told} id=${id} query=${query} />`;
}

/** @param {{id: string, query: URLSearchParams}} props */
function Told({ id, query }) {
  const asked = dateOf(query.get("date"));
  const page = useLoad(() => readDay(id, asked), [id, asked]);
  // Where the reader is stays on the page while another day is read.
  const [known, setKnown] = useState(/** @type {Day | null} */ (null));
  useEffect(() => {
    if (page.data) setKnown(page.data);
  }, [page.data]);
  const decisions = useDecisions(page.refresh);
  const { fresh, said } = useFresh(page.data);
  useTold(id, page.data, page.refresh);
  useNow(TICK_MS);

  const zone = known?.sheet.time_zone;
  const here = zone ? today(zone) : "";
  const date = asked || page.data?.sheet.date || here;
  const goTo = (/** @type {string} */ to) => setQuery({ date: to === here ? null : to, open: null });
  const hours = page.data && openWords(page.data.sheet);
  return html`
    <header class="page-head">
      <div class="row wrap between"><h1>${known ? t("day.of", { name: known.sheet.branch.name }) : t("day.title")}</h1>
        <p class="row wrap no-print"><a class="button small" href=${`/branches/${id}/desk`}><${Icon} name="desk" size=${16} />${t("desk.title")}</a><button class="button small" type="button" onClick=${() => print()}>${t("day.print")}</button></p></div>
      <p class="soft"><a href=${`/branches/${id}`}>${t("branch.view")}</a>${hours && ` · ${hours}`}${zone && zone !== readers.value && ` · ${t("statistics.clock", { city: zoneCity(zone) })}`}</p>
    </header>
    <div class="agenda-bar">
      <div class="row">
        <button class="icon-button no-print" type="button" aria-label=${t("day.previous")} disabled=${!date} onClick=${() => goTo(addDays(date, -1))}><${Icon} name="left" /></button>
        <button class="button small no-print" type="button" disabled=${!date || date === here} onClick=${() => goTo(here)}>${t("agenda.today")}</button>
        <button class="icon-button no-print" type="button" aria-label=${t("day.next")} disabled=${!date} onClick=${() => goTo(addDays(date, 1))}><${Icon} name="right" /></button>
        <h2 aria-live="polite">${date && formatDate(date, { weekday: "long", day: "numeric", month: "long", year: "numeric" })}</h2>
      </div>
      <div class="day-date no-print"><${Field} label=${t("day.date")} type="date" value=${date} onChange=${(/** @type {any} */ event) => event.target.value && goTo(event.target.value)} /></div>
    </div>
    <p class="sr-only" role="status">${said}</p>
    ${page.loading && html`<${Skeleton} kind="page" rows=${5} />`}
    ${page.error && html`<${Failed} error=${page.error} retry=${page.retry} />`}
    ${page.data && html`<${Full} id=${id} day=${page.data} open=${query.get("open")} decisions=${decisions} fresh=${fresh} refresh=${page.refresh} />`}`;
}

/** @param {{id: string, day: Day, open: string | null, decisions: ReturnType<typeof useDecisions>, fresh: Set<string>, refresh: () => void}} props */
function Full({ id, day: { sheet, line, bookings: read }, open, decisions, fresh, refresh }) {
  const now = useNow(TICK_MS);
  const [doing, setDoing] = useState(/** @type {{booking: Booking, what: "reject" | "cancel" | "reschedule"} | null} */ (null));
  const [busy, run] = useRun();
  const bookings = read.map(decisions.shown);
  const lanes = lanesOf(sheet, bookings);
  const arrivals = useMemo(() => new Map(sheet.arrivals.map((one) => /** @type {[string, Arrival]} */ ([one.booking_id, one]))), [sheet]);
  const isToday = sheet.date === today(sheet.time_zone);
  const needs = needsOf(lanes, arrivals, now, line.reason !== "off");
  const opened = open ? lanes.flatMap((lane) => lane.entries).find((entry) => entry.id === open) : undefined;
  // What may be done changes when something begins and when it is over.
  useAt(read.flatMap((one) => [one.starts_at, one.ends_at]), refresh);

  const show = (/** @type {string} */ which) => setQuery({ open: which }, { push: true });
  const close = () => setQuery({ open: null });
  const act = (/** @type {Booking} */ booking, /** @type {Doing} */ what) => {
    if (what === "reject" || what === "cancel" || what === "reschedule") return setDoing({ booking, what });
    if (what === "check-in" || what === "keep") return run(() => (what === "keep" ? keep(booking) : checkIn(booking)).finally(refresh));
    close();
    decisions.decide([booking], what);
  };
  const done = () => {
    setDoing(null);
    close();
    refresh();
  };
  const closed = sheet.opening?.length === 0;
  const anything = lanes.some(({ entries }) => entries.length > 0);
  return html`
    <${Figures} id=${id} figures=${figuresOf(sheet, lanes, now)} line=${isToday && line.reason !== "off" ? line : null} />
    ${(needs.length > 0 || isToday) && html`<section class="day-part" aria-labelledby="day-needs"><h2 id="day-needs">${t("day.needs")}${needs.length > 0 && html` <span class="soft">${needs.length}</span>`}</h2>
      ${needs.length === 0 && html`<p class="soft">${t("day.needs_none")}</p>`}
      <${DayNeeds} needs=${needs} zone=${sheet.time_zone} fresh=${fresh} busy=${busy} onOpen=${show} onDo=${act} />
    </section>`}
    <section class="day-part" aria-labelledby="day-sheet"><h2 id="day-sheet">${t("day.everybody")}</h2>
      ${!lanes.length && html`<div class="card"><${Empty} icon="people" title=${t("branch.nobody")} text=${t("day.nobody_text")} /></div>`}
      ${lanes.length > 0 && closed && !anything && html`<div class="card"><${Empty} icon="calendar" title=${t("day.closed")} text=${t("day.closed_text")}>${runs(id) && html`<a class="button" href=${`/branches/${id}/edit`}>${t("branch.edit")}</a>`}<//></div>`}
      ${lanes.length > 0 && (anything || !closed) && html`<${DaySheet} key=${sheet.date} sheet=${sheet} lanes=${lanes} arrivals=${arrivals} urgent=${new Set(needs.map(({ booking }) => booking.id))} fresh=${fresh} now=${now} onOpen=${show} />`}
    </section>
    ${opened && !doing && html`<${DayEntry} key=${opened.id} entry=${opened} zone=${sheet.time_zone} arrivals=${arrivals} busy=${busy} onDo=${act} onDone=${done} onClose=${close} />`}
    ${doing && (doing.what === "reschedule" ? html`<${Move} booking=${doing.booking} onClose=${() => setDoing(null)} onDone=${done} />` : html`<${Act} booking=${doing.booking} verb=${doing.what} onClose=${() => setDoing(null)} onDone=${done} />`)}`;
}

/** @param {Booking} booking */
async function checkIn(booking) {
  const visit = /** @type {Visit} */ (await api.post(`/bookings/${booking.id}/check-in`));
  say(t("desk.checked_in", { name: visit.name, number: visit.number }), { tone: "good" });
}

/** @param {Booking} booking */
async function keep(booking) {
  await api.post(`/bookings/${booking.id}/keep`);
  say(t("done.keep"), { tone: "good" });
}

/** The branch's own hours, in words. @param {Sheet} sheet */
function openWords({ opening, time_zone: zone }) {
  if (!opening) return t("branch.by_appointment");
  return opening.length ? t("day.opening", { hours: stretchWords(opening, zone) }) : t("day.closed");
}

/** @param {{id: string, figures: ReturnType<typeof figuresOf>, line: Line | null}} props */
function Figures({ id, figures, line }) {
  const share = figures.used === null ? "–" : formatNumber(figures.used, { style: "percent", maximumFractionDigits: 0 });
  /** @type {[name: string, value: string | number, words: string, href?: string][]} */
  const tiles = [
    ["booked", figures.booked, t("day.booked")],
    ["pending", figures.pending, t("day.to_answer")],
    ...(line ? [/** @type {[string, number, string, string]} */ (["line", line.waiting, t("day.in_line"), `/branches/${id}/desk`])] : []),
    ["completed", figures.completed, t("day.served")],
    ["missed", figures.missed, t("status.missed")],
    ["used", share, t(figures.soFar ? "day.used_so_far" : "day.used")],
  ];
  return html`<ul class="tiles day-figures" aria-label=${t("day.figures")}>${tiles.map(([name, value, words, href]) => html`<li key=${name} data-figure=${name}><${href ? "a" : "span"} class="tile" href=${href}><strong>${value}</strong><span class="soft">${words}</span><//></li>`)}</ul>`;
}

/** Reads again when something of the day has changed. @param {string} id @param {Day | undefined} day @param {() => Promise<void>} refresh */
function useTold(id, day, refresh) {
  const soon = useRef(() => {});
  useEffect(() => {
    let timer = 0;
    let again = false;
    let current = true;
    soon.current = () => {
      // However fast changes come, it is read at a steady pace, and once more after the last of them.
      if (timer) return void (again = true);
      timer = window.setTimeout(async () => {
        again = false;
        await refresh();
        timer = 0;
        if (again && current) soon.current();
      }, SETTLED_MS);
    };
    const tell = () => soon.current();
    const stops = [...["slots", "presence", "queue"].map((what) => onTopic(`branch:${id}:${what}`, tell)), onNews((one) => void (one.data?.booking_id && tell())), onResync(tell)];
    const asking = setInterval(() => document.visibilityState === "visible" && refresh(), POLL_MS);
    return () => {
      current = false;
      stops.forEach((stop) => stop());
      clearTimeout(timer);
      clearInterval(asking);
    };
  }, [id, refresh]);
  // A request that somebody else agrees to changes nobody's free time, so only it itself tells of it.
  const requests = (day?.bookings ?? []).filter(({ status }) => status === "pending").slice(0, MOST_FOLLOWED).map((one) => one.id).join();
  useEffect(() => {
    const stops = requests.split(",").filter(Boolean).map((one) => onTopic(`booking:${one}`, () => soon.current()));
    return () => stops.forEach((stop) => stop());
  }, [requests]);
}

/** What has come since the page was opened, and the newest of it in words. @param {Day | undefined} day */
function useFresh(day) {
  const seen = useRef({ date: "", ids: /** @type {Set<string>} */ (new Set()) });
  const [found, setFound] = useState({ fresh: /** @type {Set<string>} */ (new Set()), said: "" });
  useEffect(() => {
    if (!day) return;
    const { sheet, bookings } = day;
    const before = seen.current;
    seen.current = { date: sheet.date, ids: new Set(bookings.map((one) => one.id)) };
    if (before.date !== sheet.date) return setFound({ fresh: new Set(), said: "" });
    const added = bookings.filter((one) => !before.ids.has(one.id));
    const newest = added.at(-1);
    if (newest) setFound((old) => ({ fresh: new Set([...old.fresh, ...added.map((one) => one.id)]), said: t("day.came", { time: formatTime(newest.starts_at, sheet.time_zone), name: newest.client.name, expert: newest.expert.name }) }));
  }, [day]);
  return found;
}
