// What of a day somebody has to see to: requests, whoever is late or did not come, and what hours or time off speak
// against. What is most likely to be done with each is one press away.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { formatTime } from "../time.js";
import { DayActions } from "./day_entry.js";
import { Icon } from "./icon.js";
import { Status } from "./status.js";

/** @import { Need, Why } from "../day.js" */
/** @import { Doing } from "./day_entry.js" */

/** @type {Record<Why, [tone: string, icon: string]>} */
const looks = { pending: ["pending", "clock"], gone: ["missed", "offline"], over: ["completed", "why"], late: ["missed", "clock"], clock: ["pending", "clock"], away: ["rejected", "ban"], outside: ["rejected", "ban"] };

/** What settles each. @type {Record<Why, Doing[]>} */
const answers = { pending: ["confirm", "reject", "miss"], gone: ["complete", "miss"], over: ["complete", "miss"], late: ["check-in", "miss"], clock: ["keep", "reschedule"], away: ["reschedule", "cancel"], outside: ["reschedule", "cancel"] };

/**
 * @param {{needs: Need[], zone: string, fresh: Set<string>, busy: boolean, onOpen: (id: string) => void, onDo: (booking: Need["booking"], what: Doing) => void}} props
 */
export const DayNeeds = ({ needs, zone, fresh, busy, onOpen, onDo }) => html`
  <ul class="list day-needs" aria-live="polite" aria-relevant="additions">
    ${needs.map(({ booking, why }) => html`<li key=${booking.id} class=${fresh.has(booking.id) ? "card day-need fresh" : "card day-need"} data-need=${booking.id}>
      <div class="grow">
        <p class="row wrap"><button class="link-button strong" type="button" aria-haspopup="dialog" onClick=${() => onOpen(booking.session?.id ?? booking.id)}>${formatTime(booking.starts_at, zone)}–${formatTime(booking.ends_at, zone)} ${booking.client.name}</button></p>
        <p class="row wrap meta soft"><span class="row nowrap"><${Icon} name="user" size=${16} />${booking.expert.name}</span>${booking.session && html`<span>${booking.session.title}</span>`}${booking.note && html`<span class="clamp">${booking.note}</span>`}</p>
        <p class="row wrap">${why.filter((one) => one !== "pending").map((one) => html`<span key=${one} class=${`badge ${looks[one][0]}`} data-why=${one}><${Icon} name=${looks[one][1]} size=${14} />${one === "clock" ? t("clock.moved") : t(`day.why_${one}`)}</span>`)}<${Status} status=${booking.status} /></p>
      </div>
      <${DayActions} booking=${booking} only=${[...new Set(why.flatMap((one) => answers[one]))]} busy=${busy} onDo=${onDo} />
    </li>`)}
  </ul>`;
