// The agenda: bookings and time off by day, week or month; dragging moves, an empty stretch can be blocked.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { AgendaCalendar } from "../parts/agenda_calendar.js";
import { Desk } from "../parts/desk.js";
import { Dialog } from "../parts/dialog.js";
import { Choice, Field, FormError, useForm } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { explain } from "../parts/states.js";
import { When } from "../parts/time.js";
import { go, setQuery } from "../router.js";
import { onNews, onResync, onTopic } from "../socket.js";
import { say, zone } from "../store.js";
import { addDays, daysBetween, formatDate, formatMonth, instantOf, monthStart, today, wallClock, weekday } from "../time.js";

/** @import { Booking, Expert, TimeOff } from "../types.js" */

const PAGES_AT_MOST = 20;
const VIEWS = ["day", "week", "month"];
const narrowScreen = matchMedia("(max-width: 45rem)");

/** @param {{query: URLSearchParams}} props */
export default ({ query }) => html`<${Desk} query=${query} title=${t("agenda.title")}>${(/** @type {Expert} */ expert, /** @type {any} */ picker) => html`<${Agenda} key=${expert.id} expert=${expert} picker=${picker} query=${query} />`}<//>`;

/** Every booking and stretch off of a range. @param {string} id @param {string} from @param {string} until */
async function readRange(id, from, until) {
  // The range is in the reader's zone and the agenda counts in the expert's, so a day more on both ends.
  const query = { from: addDays(from, -1), days: daysBetween(from, until) + 2, limit: 100 };
  /** @type {Booking[]} */
  const bookings = [];
  /** @type {string | null} */
  let after = null;
  for (let n = 0; n < PAGES_AT_MOST; n++) {
    const page = await api.get(`/experts/${id}/agenda`, { ...query, after });
    bookings.push(...page.items);
    after = page.next;
    if (!after) break;
  }
  /** @type {TimeOff[]} */
  const offs = (await api.get(`/experts/${id}/time-off`, { limit: 100 })).items;
  return { bookings: bookings.filter((one) => one.status !== "cancelled" && one.status !== "rejected"), offs };
}

/** @param {{expert: Expert, picker: any, query: URLSearchParams}} props */
function Agenda({ expert, picker, query }) {
  const [narrow, setNarrow] = useState(narrowScreen.matches);
  const asked = query.get("view") ?? "";
  const view = /** @type {"day" | "week" | "month"} */ (VIEWS.includes(asked) ? asked : narrow ? "day" : "week");
  const here = today(zone.value);
  const date = /^\d{4}-\d\d-\d\d$/.test(query.get("date") ?? "") ? /** @type {string} */ (query.get("date")) : here;
  const [range, setRange] = useState(/** @type {[string, string] | null} */ (null));
  const page = useLoad(async () => (range ? readRange(expert.id, ...range) : { bookings: [], offs: [] }), [expert.id, range?.[0], range?.[1]]);
  const [moving, setMoving] = useState(/** @type {{booking: Booking, startsAt: string, revert: () => void} | null} */ (null));
  const [blocking, setBlocking] = useState(/** @type {{from: string, until: string} | null} */ (null));
  const [off, setOff] = useState(/** @type {TimeOff | null} */ (null));
  // What is on the screen stays while the next range is read.
  const [data, setData] = useState(/** @type {{bookings: Booking[], offs: TimeOff[]}} */ ({ bookings: [], offs: [] }));
  useEffect(() => {
    if (page.data) setData(page.data);
  }, [page.data]);

  useEffect(() => {
    const resized = () => setNarrow(narrowScreen.matches);
    narrowScreen.addEventListener("change", resized);
    const stops = [onNews(page.refresh), onTopic(`expert:${expert.id}:slots`, page.refresh), onResync(page.refresh)];
    return () => {
      narrowScreen.removeEventListener("change", resized);
      stops.forEach((stop) => stop());
    };
  }, [page.refresh]);

  const step = (/** @type {1 | -1} */ way) => setQuery({ date: view === "month" ? monthStart(date, way) : addDays(date, way * (view === "week" ? 7 : 1)) });
  const title = view === "month" ? formatMonth(date) : view === "day" ? formatDate(date, { weekday: "long", day: "numeric", month: "long" }) : t("agenda.week_of", { day: formatDate(addDays(date, -weekday(date)), { day: "numeric", month: "long", year: "numeric" }) });
  return html`
    <header class="page-head"><h1>${t("agenda.title")}</h1>${picker}</header>
    <div class="agenda-bar">
      <div class="row">
        <button class="icon-button" type="button" aria-label=${t("agenda.previous")} onClick=${() => step(-1)}><${Icon} name="left" /></button>
        <button class="button small" type="button" disabled=${date === here} onClick=${() => setQuery({ date: null })}>${t("agenda.today")}</button>
        <button class="icon-button" type="button" aria-label=${t("agenda.next")} onClick=${() => step(1)}><${Icon} name="right" /></button>
        <h2 aria-live="polite">${title}</h2>
      </div>
      <div class="row wrap">
        <${Choice} label=${t("agenda.view")} hidden value=${view} onChange=${(/** @type {string} */ one) => setQuery({ view: one })} options=${VIEWS.map((one) => ({ value: one, label: t(`agenda.${one}`) }))} />
        <button class="button" type="button" onClick=${() => setBlocking({ from: instantOf(`${date}T12:00`, zone.value), until: instantOf(`${date}T13:00`, zone.value) })}><${Icon} name="ban" size=${18} />${t("agenda.block")}</button>
      </div>
    </div>
    ${page.error && html`<div class="notice bad" role="alert"><p>${explain(page.error)}</p><button class="button small" type="button" onClick=${page.retry}>${t("state.retry")}</button></div>`}
    <${AgendaCalendar} view=${view} date=${date} narrow=${narrow} bookings=${data.bookings} offs=${data.offs} held=${Boolean(moving)}
      onRange=${(/** @type {string} */ from, /** @type {string} */ until) => setRange([from, until])}
      onOpen=${(/** @type {Booking} */ booking) => go(`/bookings/${booking.id}`)}
      onMove=${(/** @type {Booking} */ booking, /** @type {string} */ startsAt, /** @type {() => void} */ revert) => setMoving({ booking, startsAt, revert })}
      onBlock=${(/** @type {string} */ from, /** @type {string} */ until) => setBlocking({ from, until })}
      onOff=${setOff} />
    <p class="hint">${t("agenda.hint")}</p>
    ${moving && html`<${MoveDialog} ...${moving} onDone=${() => {
      setMoving(null);
      page.refresh();
    }} onBack=${() => {
      moving.revert();
      setMoving(null);
    }} />`}
    ${blocking && html`<${BlockDialog} expert=${expert} ...${blocking} onDone=${() => {
      setBlocking(null);
      page.refresh();
    }} onClose=${() => setBlocking(null)} />`}
    ${off && html`<${OffDialog} expert=${expert} off=${off} onDone=${() => {
      setOff(null);
      page.refresh();
    }} onClose=${() => setOff(null)} />`}`;
}

/** @param {{booking: Booking, startsAt: string, onDone: () => void, onBack: () => void}} props */
function MoveDialog({ booking, startsAt, onDone, onBack }) {
  const form = useForm({});
  const endsAt = new Date(Date.parse(startsAt) + booking.minutes * 60_000).toISOString();
  const move = async () => {
    await api.post(`/bookings/${booking.id}/reschedule`, { starts_at: startsAt, minutes: booking.minutes });
    say(t("done.reschedule"), { tone: "good" });
    onDone();
  };
  return html`<${Dialog} title=${t("agenda.move_title", { name: booking.client.name })} onClose=${onBack}>
    <form onSubmit=${form.submit(move)}>
      <p class="soft">${t("act.now")} <${When} at=${booking.starts_at} until=${booking.ends_at} /></p>
      <p class="book-when"><${Icon} name="move" /><${When} at=${startsAt} until=${endsAt} /></p>
      <${FormError} problem=${form.problem} />
      <div class="actions"><button class="button primary" disabled=${form.busy}>${t("act.reschedule")}</button><button class="button" type="button" onClick=${onBack}>${t("action.back")}</button></div>
    </form>
  <//>`;
}

/** @param {{expert: Expert, from: string, until: string, onDone: () => void, onClose: () => void}} props */
function BlockDialog({ expert, from, until, onDone, onClose }) {
  const form = useForm({ from: wallClock(from, zone.value).slice(0, 16), until: wallClock(until, zone.value).slice(0, 16), reason: "" });
  const block = async () => {
    const reason = form.values.reason.trim();
    await api.post(`/experts/${expert.id}/time-off`, {
      starts_at: instantOf(form.values.from, zone.value),
      ends_at: instantOf(form.values.until, zone.value),
      ...(reason ? { reason } : {}),
    });
    say(t("agenda.blocked"), { tone: "good" });
    onDone();
  };
  return html`<${Dialog} title=${t("agenda.block")} onClose=${onClose}>
    <form onSubmit=${form.submit(block)} novalidate>
      <div class="form-grid">
        <${Field} label=${t("time_off.from")} type="datetime-local" ...${form.bind("from", "/starts_at")} />
        <${Field} label=${t("time_off.until")} type="datetime-local" ...${form.bind("until", "/ends_at")} />
      </div>
      <${Field} label=${t("act.reason")} optional=${t("form.optional")} maxlength="200" ...${form.bind("reason")} />
      <${FormError} problem=${form.problem} known=${["/starts_at", "/ends_at", "/reason"]} />
      <div class="actions"><button class="button primary" disabled=${form.busy}>${t("agenda.block")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>
  <//>`;
}

/** @param {{expert: Expert, off: TimeOff, onDone: () => void, onClose: () => void}} props */
function OffDialog({ expert, off, onDone, onClose }) {
  const form = useForm({});
  const remove = async () => {
    await api.delete(`/experts/${expert.id}/time-off/${off.id}`);
    onDone();
  };
  return html`<${Dialog} title=${off.reason ?? t("agenda.off")} onClose=${onClose}>
    <form onSubmit=${form.submit(remove)}>
      <p><${When} at=${off.starts_at} /> – <${When} at=${off.ends_at} /></p>
      <${FormError} problem=${form.problem} />
      <div class="actions"><button class="button danger" disabled=${form.busy}>${t("agenda.unblock")}</button><button class="button" type="button" onClick=${onClose}>${t("action.back")}</button></div>
    </form>
  <//>`;
}
