// Parts that show what they are given: each in every state that it has.
import { useState } from "preact/hooks";
import { Problem, now } from "../api.js";
import { WHYS, lanesOf } from "../day.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Alternatives } from "../parts/alternatives.js";
import { AssignmentFacts } from "../parts/assignment.js";
import { Avatar } from "../parts/avatar.js";
import { BookingFacts, CancelLimit } from "../parts/booking_facts.js";
import { BookingRow, Mode } from "../parts/booking_row.js";
import { BranchDates } from "../parts/branch_dates.js";
import { BranchHours } from "../parts/branch_hours.js";
import { BranchSettingsForm, asSettingsText } from "../parts/branch_settings.js";
import { CalendarFile } from "../parts/calendar_file.js";
import { StackedBars } from "../parts/chart.js";
import { ClientField } from "../parts/client_field.js";
import { ClockMoved, ClockNotice } from "../parts/clock_moved.js";
import { ColumnChoice } from "../parts/column_choice.js";
import { CopyButton } from "../parts/copy_button.js";
import { Countdown } from "../parts/countdown.js";
import { DayActions, DayEntry } from "../parts/day_entry.js";
import { DayNeeds } from "../parts/day_needs.js";
import { DaySheet } from "../parts/day_sheet.js";
import { Dialog } from "../parts/dialog.js";
import { Difference } from "../parts/difference.js";
import { Download } from "../parts/download.js";
import { Estimate } from "../parts/estimate.js";
import { Choice, Field, FormError } from "../parts/form.js";
import { GuestFields, SignInLinks } from "../parts/guest_fields.js";
import { Heard } from "../parts/heard.js";
import { HoldClock } from "../parts/hold_clock.js";
import { Icon, names } from "../parts/icon.js";
import { LineExperts } from "../parts/line_experts.js";
import { LineRow } from "../parts/line_row.js";
import { LongTable } from "../parts/long_table.js";
import { MailBody } from "../parts/mail_body.js";
import { ModeChoice } from "../parts/mode_choice.js";
import { Month } from "../parts/month.js";
import { NotificationRow } from "../parts/notification.js";
import { NumberBoard } from "../parts/number_board.js";
import { PersonMenu } from "../parts/person_menu.js";
import { RuleDifference, RuleVersions } from "../parts/rule_versions.js";
import { RuleForm } from "../parts/rule_form.js";
import { RulesForm, asText } from "../parts/rules_form.js";
import { SearchField } from "../parts/search_field.js";
import { SecretOnce } from "../parts/secret_once.js";
import { SeriesGroup } from "../parts/series_group.js";
import { SessionRow } from "../parts/session_row.js";
import { SlotGrid } from "../parts/slot_grid.js";
import { Rating, StarPicker, Stars } from "../parts/stars.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { DeliveryStatus, Presence, STATUSES, Status } from "../parts/status.js";
import { NextSteps, Ticket } from "../parts/ticket.js";
import { Ago, When } from "../parts/time.js";
import { Timeline } from "../parts/timeline.js";
import { DecisionCard } from "../parts/trace.js";
import { VisitState } from "../parts/visit_state.js";
import { WeekHours } from "../parts/week_hours.js";
import { Wishes } from "../parts/wishes.js";
import { ZoneField, ZonePicker } from "../parts/zone.js";
import { STATES } from "../queue.js";
import { draftOf } from "../rule.js";
import { say, zone } from "../store.js";
import { addDays, monthStart, today } from "../time.js";
import { LONG, WORDS, assignment, branch, crowded, day, groupSession, hence, line, visit } from "./samples.js";

/** @import { Samples } from "./samples.js" */
/** @typedef {Record<string, (samples: Samples) => [string, any][]>} Specimens by the part's file: its states, each with what it shows */

const nothing = () => {};
const fault = () => new Problem(422, { errors: ["/name", "/stars", "/weekly/0", "/booking_rules/minutes/0", "/condition"].map((pointer) => ({ pointer, detail: "This cannot be." })) });
const lost = () => new Problem(503, { request_id: "0192d3a0" });
const slots = () => [9, 10, 14, 15, 19].map((hour) => ({ starts_at: `${addDays(today("UTC"), 2)}T${String(hour).padStart(2, "0")}:00:00Z`, ends_at: `${addDays(today("UTC"), 2)}T${String(hour + 1).padStart(2, "0")}:00:00Z` }));

/** Something that remembers what was chosen. @param {{first: any, children: (value: any, set: (value: any) => void) => any}} props */
function Kept({ first, children }) {
  const [value, set] = useState(first);
  return children(value, set);
}
const kept = (/** @type {any} */ first, /** @type {(value: any, set: (value: any) => void) => any} */ show) => html`<${Kept} first=${first}>${show}<//>`;

/** @param {{wide?: boolean}} props */
function Opened({ wide }) {
  const [open, setOpen] = useState(false);
  return html`<button class="button" type="button" onClick=${() => setOpen(true)}>${t("design.open")}</button>
    ${open && html`<${Dialog} title=${wide ? `${WORDS} ${LONG}` : t("design.dialog")} wide=${wide} onClose=${() => setOpen(false)}>
      <p>${wide ? LONG : t("design.lead")}</p><div class="actions"><button class="button primary" type="button" onClick=${() => setOpen(false)}>${t("action.close")}</button></div><//>`}`;
}

const month = (/** @type {Map<string, number> | null} */ counts) => kept({ date: addDays(today(zone.value), 2), month: monthStart(today(zone.value)) }, (value, set) => html`
  <${Month} month=${value.month} counts=${counts} date=${value.date} first=${today(zone.value)} last=${addDays(today(zone.value), 60)} onDate=${(/** @type {string} */ date) => set({ ...value, date })} onMonth=${(/** @type {string} */ next) => set({ ...value, month: next })} />`);

/** @param {Samples["bookings"]} bookings @param {number} count */
const rows = (bookings, count) => Array.from({ length: count }, (_, n) => ({ ...bookings[n % bookings.length], id: String(n), code: String(100_000 + n) }));
const columns = () => [
  { key: "code", label: t("booking_table.code"), cell: (/** @type {any} */ row) => row.code, sorted: /** @type {const} */ ("ascending"), onSort: nothing },
  { key: "status", label: t("bookings.status"), cell: (/** @type {any} */ row) => html`<${Status} status=${row.status} />` },
  { key: "client", label: t("booking_table.client"), cell: (/** @type {any} */ row) => row.client.name },
];
const table = (/** @type {any[]} */ list, more = false) => html`<${LongTable} label=${`${t("booking_table.title")} ${list.length}`} columns=${columns()} rows=${list} more=${more} busy=${more} onMore=${nothing} />`;

/** @param {Samples["expert"]} expert @param {Samples["bookings"]} bookings */
const sheetOf = (expert, bookings) => {
  const { sheet, bookings: placed } = day(expert, bookings);
  return html`<${DaySheet} sheet=${sheet} lanes=${lanesOf(sheet, placed)} arrivals=${new Map()} urgent=${new Set([placed[0]?.id])} fresh=${new Set()} now=${now()} onOpen=${nothing} />`;
};
/** @param {{expert: Samples["expert"], booking: Samples["bookings"][number]}} props */
function OpenedEntry({ expert, booking }) {
  const [open, setOpen] = useState(false);
  const { sheet, bookings } = day(expert, [booking]);
  return html`<button class="button" type="button" onClick=${() => setOpen(true)}>${t("design.open")}</button>
    ${open && html`<${DayEntry} entry=${lanesOf(sheet, bookings)[0].entries[0]} zone=${sheet.time_zone} arrivals=${new Map()} busy=${false} onDo=${nothing} onDone=${nothing} onClose=${() => setOpen(false)} />`}`;
}

const points = (/** @type {number} */ n) => Array.from({ length: 14 }, (_, i) => ({ label: String(i + 1), values: { confirmed: n * ((i * 7) % 5), missed: n * (i % 3) } }));
const series = () => [{ key: "confirmed", label: t("status.confirmed"), tone: "confirmed" }, { key: "missed", label: t("status.missed"), tone: "missed" }];

/** @type {Specimens} */
export const plain = {
  alternatives: ({ expert }) => [["full", html`<${Alternatives} slots=${slots().slice(0, 3)} other=${expert.time_zone} onPick=${nothing} />`], ["empty", html`<${Alternatives} slots=${[]} other="UTC" onPick=${nothing} />`]],
  assignment: ({ expert }) => [["full", html`<${AssignmentFacts} found=${assignment(expert)} />`]],
  avatar: () => [["full", html`<div class="row wrap">${["s", "m", "l"].map((size) => html`<${Avatar} key=${size} name="Ann Early" size=${size} />`)}<${Avatar} name="Ben" url="/static/icon.svg" /></div>`], ["long", html`<${Avatar} name=${WORDS} />`]],
  booking_facts: ({ bookings }) => [["full", html`<${BookingFacts} booking=${bookings[1]} /><${CancelLimit} booking=${{ ...bookings[1], cancel_until: hence(1), actions: ["cancel"] }} />`], ["long", html`<${BookingFacts} booking=${crowded(bookings[1])} />`]],
  booking_row: ({ bookings }) => [["full", html`<ul class="list">${bookings.map((one) => html`<${BookingRow} key=${one.status} booking=${one} />`)}</ul><p><${Mode} mode="offline" /></p>`], ["long", html`<ul class="list"><${BookingRow} booking=${crowded(bookings[0])} /></ul>`]],
  branch_dates: () => [["full", kept(branch().overrides, (value, set) => html`<${BranchDates} zone=${branch().time_zone} dates=${value} onChange=${set} />`)], ["empty", html`<${BranchDates} zone="UTC" dates=${[]} onChange=${nothing} />`]],
  branch_hours: () => [["full", html`<${BranchHours} branch=${branch()} />`], ["empty", html`<${BranchHours} branch=${{ ...branch(), weekly: null, overrides: [] }} />`]],
  branch_settings: () => [["full", kept(asSettingsText(branch().settings), (value, set) => html`<${BranchSettingsForm} settings=${value} problem=${null} onChange=${set} />`)]],
  calendar_file: ({ bookings }) => [["full", html`<${CalendarFile} id=${bookings[1].id} code=${bookings[1].code} />`]],
  chart: () => [["full", html`<${StackedBars} title=${t("overview.bookings")} series=${series()} points=${points(3)} first=${t("overview.date")} />`], ["empty", html`<${StackedBars} title=${t("overview.bookings")} series=${series()} points=${points(0)} first=${t("overview.date")} />`]],
  clock_moved: ({ bookings }) => [["full", html`<p><${ClockMoved} booking=${crowded(bookings[1])} /></p><${ClockNotice} booking=${crowded(bookings[1])} onMove=${nothing} onDone=${nothing} />`]],
  column_choice: () => [["full", html`<${ColumnChoice} table="design" all=${["code", "starts", "client"]} shown=${["code", "client"]} words=${(/** @type {string} */ name) => t(`booking_table.${name}`)} />`]],
  copy_button: () => [["full", html`<${CopyButton} text="Ann" label=${t("secret.copy")} /><${CopyButton} primary text="Ann" label=${t("secret.copy")} />`]],
  countdown: () => [["full", html`<p><${Countdown} until=${hence(1)} /></p>`], ["empty", html`<p><${Countdown} until=${hence(-1)} /></p>`]],
  day_entry: ({ expert, bookings }) => [["full", html`<${OpenedEntry} expert=${expert} booking=${bookings[1]} /><${DayActions} booking=${{ ...bookings[1], actions: ["complete", "miss", "reschedule", "cancel"] }} onDo=${nothing} />`], ["disabled", html`<${DayActions} booking=${{ ...bookings[0], actions: ["confirm", "reject"] }} busy onDo=${nothing} />`], ["long", html`<${OpenedEntry} expert=${expert} booking=${crowded(bookings[0])} />`]],
  day_needs: ({ expert, bookings }) => {
    const needs = (/** @type {Samples["bookings"]} */ some) => html`<${DayNeeds} needs=${day(expert, some).bookings.map((booking, n) => ({ booking: { ...booking, actions: ["confirm", "reject", "complete", "miss"] }, why: n ? WHYS.slice(1) : ["pending"] }))} zone=${zone.value} fresh=${new Set()} busy=${false} onOpen=${nothing} onDo=${nothing} />`;
    return [["full", needs(bookings.slice(0, 2))], ["long", needs([crowded(bookings[0])])]];
  },
  day_sheet: ({ expert, bookings }) => [["full", sheetOf(expert, bookings)], ["empty", sheetOf(expert, [])], ["long", sheetOf(expert, [crowded(bookings[0])])]],
  dialog: () => [["full", html`<${Opened} />`], ["long", html`<${Opened} wide />`]],
  client_field: () => [["full", kept(null, (value, set) => html`<${ClientField} label=${t("wait.client")} value=${value} onChange=${set} />`)], ["long", html`<${ClientField} label=${t("wait.client")} value=${{ id: "x", name: `${WORDS} ${LONG}` }} onChange=${nothing} />`], ["fault", html`<${ClientField} label=${t("wait.client")} value=${null} error=${t("client.none")} onChange=${nothing} />`]],
  difference: () => [["full", html`<${Difference} before=${{ role: "user", disabled: false, text: "one\ntwo\nthree" }} after=${{ role: "expert", disabled: false, text: "one\n2\nthree" }} />`], ["empty", html`<${Difference} before=${{ a: 1 }} after=${{ a: 1 }} />`], ["long", html`<${Difference} before=${{ name: LONG }} after=${{ name: `${LONG}${LONG}` }} />`]],
  download: () => [["full", html`<${Download} path="/bookings.csv" name="bookings.csv" label=${t("weekly.file")} />`]],
  estimate: ({ expert }) => [["full", html`<p><${Estimate} estimate=${visit(expert, "waiting").estimate} /></p><p><${Estimate} estimate=${visit(expert, "waiting").estimate} clock=${false} /></p>`], ["empty", html`<p><${Estimate} estimate=${null} /></p>`]],
  form: () => [
    ["full", html`<div class="form-grid"><${Field} label=${t("auth.name")} hint=${t("auth.phone_hint")} optional=${t("form.optional")} value="Ann" /><${Field} as="select" label=${t("bookings.status")}><option>${t("status.pending")}</option><//><${Field} as="textarea" label=${t("book.note")} rows="2" /></div>
      ${kept("a", (value, set) => html`<${Choice} label=${t("agenda.view")} value=${value} options=${["a", "b"].map((one) => ({ value: one, label: one === "a" ? t("agenda.day") : t("agenda.week") }))} onChange=${set} />`)}
      <label class="check"><input type="checkbox" checked /><span>${t("rule.auto_confirm")}</span></label>
      <div class="actions"><button class="button primary" type="button">${t("action.save")}</button><button class="button" type="button">${t("action.back")}</button><button class="button danger" type="button">${t("act.cancel")}</button><button class="button quiet-danger" type="button">${t("act.reject")}</button><button class="link-button" type="button">${t("experts.clear")}</button></div>`],
    ["disabled", html`<${Field} label=${t("auth.name")} value="Ann" disabled /><label class="check"><input type="checkbox" disabled /><span>${t("rule.auto_confirm")}</span></label><div class="actions"><button class="button primary" type="button" disabled>${t("state.sending")}</button><button class="button" type="button" disabled>${t("action.back")}</button></div>`],
    ["fault", html`<${Field} label=${t("auth.email")} type="email" value="ann@" error="This is not an address." /><${FormError} problem=${lost()} />`],
    ["long", html`<${Field} label=${`${WORDS} ${LONG}`} hint=${LONG} value=${LONG} error=${LONG} />`],
  ],
  guest_fields: () => [
    ["full", html`<${GuestFields} bind=${(/** @type {string} */ name) => ({ name, value: "" })} /><p><${SignInLinks} words=${t("guest.have_account")} next="/" /></p>`],
    ["fault", html`<${GuestFields} bind=${(/** @type {string} */ name) => ({ name, value: LONG, error: LONG })} />`],
  ],
  heard: () => [["full", html`<${Heard} at=${Date.now()} failing=${false} live />`], ["loading", html`<${Heard} at=${Date.now()} failing=${false} live=${false} />`], ["failed", html`<${Heard} at=${Date.now()} failing live=${false} />`]],
  hold_clock: () => [["full", html`<${HoldClock} until=${hence(1)} onEnd=${nothing} />`]],
  icon: () => [["full", html`<ul class="icons">${names.map((name) => html`<li key=${name}><${Icon} name=${name} /><code>${name}</code></li>`)}</ul>`]],
  line_experts: ({ expert }) => [["full", html`<${LineExperts} experts=${[expert, { ...expert, id: branch().id, name: WORDS, presence: "online" }]} visits=${[visit(expert, "serving"), visit(expert, "waiting")]} mayCall=${() => true} onCall=${nothing} />`], ["empty", html`<${LineExperts} experts=${[]} visits=${[]} mayCall=${() => true} onCall=${nothing} />`]],
  line_row: ({ expert }) => [
    ["full", html`<ul class="list">${/** @type {const} */ (["serving", "called", "offered", "waiting"]).map((state) => html`<${LineRow} key=${state} visit=${visit(expert, state)} chosen=${state === "called"} showKeys onChoose=${nothing} onDo=${nothing} />`)}</ul>`],
    ["fault", html`<ul class="list"><${LineRow} visit=${visit(expert, "waiting")} fault=${t("design.changes_nothing")} onChoose=${nothing} onDo=${nothing} /></ul>`],
    ["disabled", html`<ul class="list"><${LineRow} visit=${visit(expert, "waiting")} busy onChoose=${nothing} onDo=${nothing} /></ul>`],
    ["long", html`<ul class="list"><${LineRow} visit=${visit(expert, "waiting", { number: 1024, name: `${WORDS} ${LONG}`, note: LONG, skill: LONG, misses: 1, booking_id: branch().id, wanted_expert: { id: expert.id, name: WORDS } })} onChoose=${nothing} onDo=${nothing} /></ul>`],
  ],
  long_table: ({ bookings }) => [["full", table(rows(bookings, 5000))], ["loading", table(rows(bookings, 3), true)], ["long", table([{ ...crowded(bookings[0]), id: "long" }])]],
  mail_body: () => [["full", html`<${MailBody} text="Plain words." html="<p>Words with <b>weight</b>.</p>" />`], ["long", html`<${MailBody} text=${`${LONG}\n${LONG}`} html=${null} />`]],
  mode_choice: () => [["full", kept("online", (value, set) => html`<${ModeChoice} value=${value} onChange=${set} />`)]],
  month: () => [["full", month(new Map([2, 3, 4, 9].map((n) => [addDays(today(zone.value), n), n])))], ["loading", month(null)], ["empty", month(new Map())]],
  notification: ({ news }) => [["full", html`<ul class="news-list card">${news.map((one) => html`<${NotificationRow} key=${one.id} notification=${one} onRead=${nothing} onDelete=${nothing} />`)}</ul>`]],
  number_board: ({ expert }) => [["full", html`<div class="board specimen-board"><${NumberBoard} line=${line(expert)} /></div>`], ["empty", html`<div class="board specimen-board"><${NumberBoard} line=${{ ...line(expert), open: false, reason: "hours", waiting: 0, board: [] }} /></div>`]],
  person_menu: () => [["full", html`<div class="pop-holder specimen-menu"><${PersonMenu} /></div>`]],
  rule_form: ({ rules, kinds }) => [["full", html`<${RuleForm} draft=${draftOf(rules[0])} kinds=${kinds} problem=${null} onChange=${nothing} />`], ["fault", html`<${RuleForm} draft=${{ ...draftOf(rules[0]), condition: LONG }} kinds=${kinds} problem=${fault()} onChange=${nothing} />`]],
  rule_versions: ({ rules }) => [["full", html`<${RuleVersions} versions=${[{ ...rules[0], version: 2, critical: !rules[0].critical }, rules[0]]} onUse=${nothing} />`], ["empty", html`<${RuleDifference} one=${rules[0]} other=${rules[0]} />`]],
  rules_form: ({ schedule }) => [["full", kept(asText(schedule.booking_rules), (value, set) => html`<${RulesForm} rules=${value} problem=${null} onChange=${set} />`)], ["fault", html`<${RulesForm} rules=${asText(schedule.booking_rules)} problem=${fault()} onChange=${nothing} />`]],
  search_field: () => [["full", html`<${SearchField} label=${t("bookings.text")} value="" />`]],
  secret_once: () => [["full", html`<${SecretOnce} secret="whsec_c2VjcmV0c2VjcmV0" label=${t("webhooks.secret")} lead=${t("webhooks.secret_once")} />`], ["long", html`<${SecretOnce} secret=${LONG} label=${t("api_keys.key")} lead=${LONG} />`]],
  series_group: ({ bookings }) => [["full", html`<ul class="list"><${SeriesGroup} bookings=${bookings.slice(1, 3).map((one, n) => ({ ...one, series: { id: "0192d3a0-0000-7000-8000-000000000002", number: n + 1, of: 2 } }))} /></ul>`]],
  session_row: ({ expert }) => [["full", html`<ul class="list"><${SessionRow} session=${groupSession(expert)} /></ul>`], ["long", html`<ul class="list"><${SessionRow} session=${{ ...groupSession(expert), title: `${WORDS} ${LONG}`, description: LONG, place: LONG, left: 0, taken: 12 }} /></ul>`]],
  slot_grid: ({ expert }) => [["full", html`<${SlotGrid} slots=${slots()} zone=${zone.value} other=${expert.time_zone} label=${t("expert.times")} onPick=${nothing} />`]],
  stars: () => [["full", html`<p><${Rating} rating=${4.6} count=${12} /></p><p><${Stars} stars=${3} /></p>${kept(4, (value, set) => html`<${StarPicker} value=${value} onChange=${set} />`)}`], ["empty", html`<${Rating} rating=${null} count=${0} />`], ["fault", html`<${StarPicker} value=${0} onChange=${nothing} error=${t("review.stars_missing")} />`]],
  states: () => [
    ["loading", html`<${Skeleton} rows=${2} /><${Skeleton} kind="cards" rows=${3} />`],
    ["empty", html`<${Empty} icon="inbox" title=${t("live.none")} text=${t("live.none_text")}><a class="button primary" href="/">${t("nav.find")}</a><//>`],
    ["failed", html`<${Failed} error=${lost()} retry=${nothing} /><${Failed} error=${{ offline: true }} retry=${nothing} /><${More} pages=${{ next: "x", more: false, error: lost(), showMore: nothing }} />`],
    ["full", html`<${More} pages=${{ next: "x", more: false, error: null, showMore: nothing }} />`],
    ["disabled", html`<${More} pages=${{ next: "x", more: true, error: null, showMore: nothing }} />`],
    ["long", html`<${Empty} title=${`${WORDS} ${LONG}`} text=${LONG} />`],
  ],
  status: () => [["full", html`<p class="row wrap">${STATUSES.map((one) => html`<${Status} key=${one} status=${one} />`)}</p><p class="row wrap">${["pending", "sending", "sent", "retrying", "dead", "ambiguous", "skipped"].map((one) => html`<${DeliveryStatus} key=${one} status=${one} />`)}</p><p class="row wrap">${["online", "busy", "offline"].map((one) => html`<${Presence} key=${one} presence=${one} />`)}</p>`]],
  ticket: ({ expert }) => [
    ["full", html`${STATES.map((state) => html`<div class="narrow" key=${state}><${Ticket} visit=${visit(expert, state)} place=${branch().address} onAnswer=${nothing} /><${NextSteps} visit=${visit(expert, state)} /></div>`)}`],
    ["disabled", html`<div class="narrow"><${Ticket} visit=${visit(expert, "offered", { misses: 1 })} busy onAnswer=${nothing} /></div>`],
    ["long", html`<div class="narrow"><${Ticket} visit=${visit(expert, "called", { number: 1024, branch: { id: branch().id, name: `${WORDS} ${LONG}` }, expert: { id: expert.id, name: WORDS } })} place=${LONG} onAnswer=${nothing} /></div>`],
  ],
  time: ({ expert }) => [["full", html`<p><${When} at=${hence(3)} until=${hence(4)} other=${expert.time_zone} /></p><p><${When} at=${hence(900)} /></p><p><${Ago} at=${hence(-30)} /></p>`]],
  timeline: ({ history }) => [["full", html`<${Timeline} entries=${history} />`], ["long", html`<${Timeline} entries=${history.slice(0, 1).map((one) => ({ ...one, reason: LONG, actor: { ...one.actor, name: WORDS } }))} />`]],
  toasts: () => [["full", html`<div class="actions">${/** @type {const} */ (["plain", "good", "bad"]).map((tone) => html`<button key=${tone} class="button" type="button" onClick=${() => say(t("design.toast"), { tone })}>${t(`design.toast_${tone}`)}</button>`)}<button class="button" type="button" onClick=${() => say(t("design.toast"), { tone: "good", action: { label: t("live.undo"), run: () => say(t("design.undone")) } })}>${t("design.toast_undo")}</button></div>`], ["long", html`<button class="button" type="button" onClick=${() => say(`${WORDS} ${LONG}`, { tone: "bad" })}>${t("design.toast_bad")}</button>`]],
  trace: ({ decision }) => [decision ? ["full", html`<${DecisionCard} made=${decision} />`] : ["empty", html`<p class="soft">${t("explain.none")}</p>`]],
  visit_state: () => [["full", html`<p class="row wrap">${STATES.map((one) => html`<${VisitState} key=${one} state=${one} />`)}</p>`]],
  week_hours: ({ schedule }) => [["full", kept(schedule.weekly, (value, set) => html`<${WeekHours} weekly=${value} problem=${null} onChange=${set} />`)], ["empty", html`<${WeekHours} weekly=${[]} problem=${null} onChange=${nothing} />`], ["fault", html`<${WeekHours} weekly=${schedule.weekly.slice(0, 1)} problem=${fault()} onChange=${nothing} />`]],
  wishes: () => [["full", kept(["booking.*"], (value, set) => html`<${Wishes} value=${value} onChange=${set} />`)], ["fault", html`<${Wishes} value=${[]} error=${t("form.reason_missing")} onChange=${nothing} />`]],
  zone: ({ expert }) => [["full", html`<${ZonePicker} other=${expert.time_zone} /><${ZoneField} label=${t("schedule.zone")} value="Asia/Ho_Chi_Minh" />`]],
};
