// Waiting lists: what is offered, with its clock, what is waited for, and how it ended. An expert also sees who waits
// for a place with them.
import { useEffect, useRef } from "preact/hooks";
import { api, newKey } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { Mode } from "../parts/booking_row.js";
import { HoldClock } from "../parts/hold_clock.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { When } from "../parts/time.js";
import { go, setQuery } from "../router.js";
import { useRun } from "../run.js";
import { user } from "../session.js";
import { onNews, onResync } from "../socket.js";
import { say } from "../store.js";
import { formatDate, formatLength, zoneCity } from "../time.js";

/** @import { Page, Waiting } from "../types.js" */

/** @param {{query: URLSearchParams}} props */
export default function WaitingLists({ query }) {
  const over = query.get("when") === "past";
  const read = (/** @type {string | null} */ after, /** @type {number} */ limit) => /** @type {Promise<Page<Waiting>>} */ (api.get("/waiting-list", { open: !over, after, limit }));
  const pages = usePages(read, [over]);
  useEffect(() => {
    const stops = [onNews((one) => void ((one.data?.waiting_id || one.data?.booking_id) && pages.refresh())), onResync(pages.refresh)];
    return () => stops.forEach((stop) => stop());
  }, [pages.refresh]);
  const joined = query.get("joined");
  useEffect(() => {
    if (!joined) return;
    say(t("wait.joined"), { tone: "good" });
    setQuery({ joined: null });
  }, [joined]);
  // What is offered comes first: its clock runs.
  const shown = [...pages.items].sort((one, other) => Number(other.status === "offered") - Number(one.status === "offered"));
  return html`
    <header class="page-head"><h1>${t("wait.lists")}</h1><p class="soft">${t("wait.lists_lead")}</p></header>
    <div class="segments tabs" role="group" aria-label=${t("wait.which")}>
      <button type="button" aria-pressed=${over ? "false" : "true"} onClick=${() => setQuery({ when: null })}>${t("wait.open")}</button>
      <button type="button" aria-pressed=${over ? "true" : "false"} onClick=${() => setQuery({ when: "past" })}>${t("wait.over")}</button>
    </div>
    ${pages.loading && html`<${Skeleton} rows=${3} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="clock" title=${t(over ? "wait.none_over" : "wait.none")} text=${t("wait.none_text")}><a class="button primary" href="/">${t("nav.find")}</a><//>`}
    ${!pages.loading && pages.items.length > 0 && html`<ul class="list">${shown.map((waiting) => html`<${Place} key=${waiting.id} waiting=${waiting} onChange=${pages.refresh} />`)}</ul><${More} pages=${pages} />`}`;
}

/** @type {Record<string, string>} */
const tones = { waiting: "pending", offered: "confirmed", accepted: "completed", declined: "cancelled", expired: "missed", left: "cancelled" };

/** @param {{waiting: Waiting, onChange: () => void}} props */
function Place({ waiting, onChange }) {
  const mine = waiting.client.id === user.value?.id;
  const { offer, status } = waiting;
  const offered = status === "offered";
  return html`<li class=${offered ? "card booking-row offered" : "card booking-row"} data-waiting=${waiting.id}>
    <div class="grow">
      <p class="strong">${offered && offer ? html`<${When} at=${offer.starts_at} until=${offer.ends_at} other=${waiting.time_zone} />` : dates(waiting)}</p>
      ${waiting.session && html`<p>${waiting.session.title}</p>`}
      <p>${mine ? html`<a href=${`/experts/${waiting.expert.id}`}>${waiting.expert.name}</a>` : otherSide(waiting)}</p>
      <p class="row wrap meta soft"><${Mode} mode=${waiting.mode} /><span>${formatLength(waiting.minutes)}</span>${hours(waiting) && html`<span>${hours(waiting)}</span>`}<span>${zoneCity(waiting.time_zone)}</span></p>
      ${waiting.note && html`<p class="soft clamp">${waiting.note}</p>`}
      ${status === "waiting" && html`<p class="hint">${waiting.ahead ? t(mine ? "wait.ahead" : "wait.ahead_of_them", { n: waiting.ahead }) : t(mine ? "wait.next" : "wait.next_of_them")}</p>`}
      ${offered && offer && html`<${HoldClock} until=${offer.expires_at} onEnd=${onChange} />`}
      ${waiting.booking_id && html`<p><a href=${`/bookings/${waiting.booking_id}`}>${t("wait.open_booking")}</a></p>`}
      <${Answers} waiting=${waiting} mine=${mine} onChange=${onChange} />
    </div>
    <span class=${`badge ${tones[status]}`}>${t(`waiting.${status}`)}</span>
  </li>`;
}

/** @param {{waiting: Waiting, mine: boolean, onChange: () => void}} props */
function Answers({ waiting, mine, onChange }) {
  const [busy, run] = useRun();
  const key = useRef(newKey());
  const path = `/waiting-list/${waiting.id}`;
  const act = (/** @type {() => Promise<void>} */ what) => async () => {
    if (!(await run(what))) onChange();
  };
  const accept = act(async () => {
    const booking = await api.post(`${path}/accept`, {}, { key: key.current });
    go(`/bookings/${booking.id}?booked=1`);
  });
  const decline = act(async () => {
    await api.post(`${path}/decline`);
    say(t("wait.declined"));
    onChange();
  });
  const leave = act(async () => {
    await api.delete(path);
    say(t("wait.left"));
    onChange();
  });
  if (waiting.status === "offered" && mine) {
    return html`<div class="actions">
      <button class="button primary" type="button" disabled=${busy} onClick=${accept}><${Icon} name="check" size=${18} />${t("wait.accept")}</button>
      <button class="button" type="button" disabled=${busy} onClick=${decline}>${t("wait.decline")}</button>
    </div>`;
  }
  if (waiting.status !== "waiting" && waiting.status !== "offered") return null;
  return html`<div class="actions"><button class="button small" type="button" disabled=${busy} onClick=${leave}>${t(mine ? "wait.leave" : "wait.remove")}</button></div>`;
}

/** @param {Waiting} waiting */
const otherSide = (waiting) => (waiting.expert.id === user.value?.id ? waiting.client.name : `${waiting.client.name} → ${waiting.expert.name}`);

/** @param {Waiting} waiting */
const dates = ({ from, until }) => (from === until ? formatDate(from, { weekday: "long", day: "numeric", month: "long" }) : t("wait.dates", { from: formatDate(from), until: formatDate(until) }));

/** @param {Waiting} waiting */
function hours({ earliest, latest }) {
  if (earliest && latest) return t("wait.between", { from: earliest, until: latest });
  if (earliest) return t("wait.not_before", { time: earliest });
  return latest ? t("wait.done_by", { time: latest }) : "";
}
