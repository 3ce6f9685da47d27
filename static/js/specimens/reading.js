// Parts that read for themselves: the page's switch decides what they find.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { AgendaCalendar } from "../parts/agenda_calendar.js";
import { Bell } from "../parts/bell.js";
import { BookForm } from "../parts/book_form.js";
import { Act, Edit, Move, ReviewForm } from "../parts/booking_actions.js";
import { BranchField } from "../parts/branch_field.js";
import { CheckInButton } from "../parts/check_in.js";
import { ComeNow } from "../parts/come_now.js";
import { Configured } from "../parts/configured.js";
import { Desk } from "../parts/desk.js";
import { EraseMe, EraseSomebody } from "../parts/erase.js";
import { ExplainedDayCard } from "../parts/explained_day.js";
import { FeedCard } from "../parts/feed_card.js";
import { GuestForm } from "../parts/guest_form.js";
import { HolidaysCard } from "../parts/holidays.js";
import { Imports } from "../parts/imports.js";
import { NotificationChoices } from "../parts/notification_choices.js";
import { OpenedMessage } from "../parts/opened_message.js";
import { Overrides } from "../parts/overrides.js";
import { PresenceSwitch } from "../parts/presence_switch.js";
import { Providers } from "../parts/providers.js";
import { PushSwitch } from "../parts/push_switch.js";
import { Rehearsal } from "../parts/rehearsal.js";
import { RepeatFields, RepeatPreview } from "../parts/repeat.js";
import { SeatForm } from "../parts/seat_form.js";
import { SeriesCard } from "../parts/series_card.js";
import { SessionList } from "../parts/session_list.js";
import { SignInsCard } from "../parts/sign_ins.js";
import { SlotPicker } from "../parts/slot_picker.js";
import { SlotPreview } from "../parts/slot_preview.js";
import { TelegramCard } from "../parts/telegram_card.js";
import { TimeOffList } from "../parts/time_off.js";
import { AddVisit, CheckIn, TransferVisit } from "../parts/visit_forms.js";
import { WaitForm } from "../parts/wait_form.js";
import { WebhookLog } from "../parts/webhook_log.js";
import { draftOf } from "../rule.js";
import { ONCE, ruleOf, usePreview } from "../series.js";
import { user } from "../session.js";
import { zone } from "../store.js";
import { today } from "../time.js";
import { branch, groupSession, hence, visit } from "./samples.js";

/** @import { Samples } from "./samples.js" */
/** @import { Expert, User } from "../types.js" */

const nothing = () => {};

/** A part that covers the page, or takes the focus, is opened by a button. @param {{label: string, children: (close: () => void) => any}} props */
function Behind({ label, children }) {
  const [open, setOpen] = useState(false);
  return html`<button class="button" type="button" onClick=${() => setOpen(true)}>${label}</button>${open && children(() => setOpen(false))}`;
}
const behind = (/** @type {string} */ label, /** @type {(close: () => void) => any} */ show) => html`<${Behind} label=${label}>${show}<//>`;

/** @param {{expert: Expert}} props */
function Repeating({ expert }) {
  const [repeat, setRepeat] = useState({ ...ONCE, every: /** @type {const} */ ("week") });
  const looking = usePreview({ expert_id: expert.id, starts_at: hence(50), minutes: expert.booking_rules.minutes[0] }, ruleOf(repeat));
  return html`<${RepeatFields} repeat=${repeat} startsAt=${hence(50)} problem=${looking.problem} onChange=${(/** @type {any} */ change) => setRepeat((old) => ({ ...old, ...change }))} /><${RepeatPreview} looking=${looking} other=${expert.time_zone} />`;
}

/** @type {Record<string, (samples: Samples) => any>} */
export const reading = {
  agenda_calendar: ({ bookings }) => html`<${AgendaCalendar} view="week" date=${today(zone.value)} narrow=${matchMedia("(max-width: 45rem)").matches} bookings=${bookings.map((one, n) => ({ ...one, starts_at: hence(n + 1), ends_at: hence(n + 2) }))} offs=${[{ id: "off", starts_at: hence(24), ends_at: hence(27), reason: null }]} onRange=${nothing} onOpen=${nothing} onMove=${(/** @type {any} */ _, /** @type {any} */ __, /** @type {() => void} */ revert) => revert()} onBlock=${nothing} onOff=${nothing} />`,
  bell: () => html`<div class="row end"><${Bell} /></div>`,
  book_form: ({ expert }) => behind(t("design.open"), (close) => html`<${BookForm} expert=${expert} startsAt=${hence(50)} minutes=${expert.booking_rules.minutes[0]} onBack=${close} onPick=${nothing} />`),
  booking_actions: ({ bookings }) => html`<div class="actions">
    ${/** @type {const} */ (["confirm", "reject", "cancel", "complete", "miss"]).map((verb) => html`<span key=${verb}>${behind(t(`act.${verb}`), (close) => html`<${Act} booking=${bookings[1]} verb=${verb} onClose=${close} onDone=${close} />`)}</span>`)}
    ${behind(t("act.edit"), (close) => html`<${Edit} booking=${bookings[1]} etag=${null} onClose=${close} onDone=${close} />`)}
    ${behind(t("act.reschedule"), (close) => html`<${Move} booking=${bookings[1]} onClose=${close} onDone=${close} />`)}
  </div><${ReviewForm} booking=${bookings[4]} onDone=${nothing} />`,
  branch_field: () => html`<${BranchField} value="" />`,
  check_in: ({ bookings }) => html`<p class="hint">${t("booking.here")}</p><${CheckInButton} booking=${{ ...bookings[1], mode: "offline", session: null, starts_at: new Date().toISOString(), ends_at: hence(1) }} />`,
  come_now: ({ house }) => html`<${ComeNow} branch=${house} next="/design" />`,
  configured: () => html`<${Configured} />`,
  desk: () => html`<${Desk} query=${new URLSearchParams()} title=${t("desk.expert")}>${(/** @type {Expert} */ expert, /** @type {any} */ picker) => html`${picker}<p class="soft">${expert.name}</p>`}<//>`,
  erase: () => html`<${EraseMe} />${behind(t("erase.button"), (close) => html`<${EraseSomebody} person=${/** @type {User} */ (user.value)} onClose=${close} onDone=${close} />`)}`,
  explained_day: ({ expert, schedule }) => html`<${ExplainedDayCard} expert=${{ ...expert, time_zone: schedule.time_zone }} lengths=${schedule.booking_rules.minutes} />`,
  feed_card: () => html`<${FeedCard} />`,
  guest_form: ({ expert }) => behind(t("design.open"), (close) => html`<${GuestForm} expert=${expert} startsAt=${hence(50)} minutes=${expert.booking_rules.minutes[0]} next="/design" onBack=${close} onPick=${nothing} />`),
  holidays: ({ expert, schedule }) => html`<${HolidaysCard} expert=${expert} schedule=${schedule} onChange=${nothing} />`,
  imports: ({ expert }) => html`<${Imports} expert=${expert} onChange=${nothing} />`,
  notification_choices: () => html`<${NotificationChoices} person=${/** @type {User} */ (user.value)} />`,
  opened_message: ({ delivery }) => behind(t("design.open"), (close) => html`<${OpenedMessage} id=${delivery ?? ""} onClose=${close} onChange=${nothing} />`),
  overrides: ({ expert }) => html`<${Overrides} expert=${expert} onChange=${nothing} />`,
  presence_switch: ({ expert }) => html`<${PresenceSwitch} expert=${expert} />`,
  providers: () => html`<${Providers} />`,
  push_switch: () => html`<${PushSwitch} onChange=${nothing} />`,
  rehearsal: ({ rules }) => html`<${Rehearsal} draft=${draftOf(rules[0])} onProblem=${nothing} />`,
  repeat: ({ expert }) => html`<${Repeating} expert=${expert} />`,
  seat_form: ({ expert }) => html`<div class="actions">${behind(t("session.take"), (close) => html`<${SeatForm} session=${groupSession(expert)} next="/design" onClose=${close} onChange=${nothing} />`)}
    ${behind(t("wait.join"), (close) => html`<${SeatForm} session=${{ ...groupSession(expert), left: 0, taken: 12 }} next="/design" onClose=${close} onChange=${nothing} />`)}</div>`,
  series_card: ({ repeated }) => (repeated ? html`<${SeriesCard} booking=${repeated} />` : html`<p class="soft">${t("bookings.none")}</p>`),
  session_list: ({ expert }) => html`<p class="hint">${expert.name}</p><${SessionList} expert=${expert} chosen=${null} self=${false} next="/design" />`,
  sign_ins: () => html`<${SignInsCard} />`,
  slot_picker: ({ expert }) => html`<${SlotPicker} expert=${expert} minutes=${expert.booking_rules.minutes[0]} onMinutes=${nothing} onDate=${nothing} onPick=${nothing} />`,
  slot_preview: ({ expert, schedule }) => html`<${SlotPreview} expertId=${expert.id} timeZone=${schedule.time_zone} lengths=${schedule.booking_rules.minutes} />`,
  telegram_card: () => html`<${TelegramCard} onChange=${nothing} />`,
  time_off: ({ expert }) => html`<${TimeOffList} expert=${expert} onChange=${nothing} />`,
  visit_forms: ({ expert }) => html`<div class="actions">
    ${behind(t("desk.add"), (close) => html`<${AddVisit} branch=${branch()} experts=${[expert]} onClose=${close} onDone=${nothing} />`)}
    ${behind(t("desk.check_in"), (close) => html`<${CheckIn} branch=${branch()} onClose=${close} onDone=${nothing} />`)}
    ${behind(t("desk.do_transfer"), (close) => html`<${TransferVisit} visit=${visit(expert, "waiting")} onClose=${close} onDone=${nothing} />`)}
  </div>`,
  wait_form: ({ expert }) => behind(t("wait.join"), (close) => html`<${WaitForm} expert=${expert} minutes=${expert.booking_rules.minutes[0]} date=${today(zone.value)} onClose=${close} />`),
  webhook_log: ({ webhook }) => (webhook ? html`<${WebhookLog} webhook=${webhook} tried=${null} onEnd=${nothing} />` : html`<p class="soft">${t("webhooks.log_none")}</p>`),
};
