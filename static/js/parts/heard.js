// Whether a page still hears how things stand, and how: said in words, and louder when it does not.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { zone } from "../store.js";
import { formatTime } from "../time.js";
import { Icon } from "./icon.js";

/** @param {{at: number | null, failing: boolean, live: boolean}} props at: when what is shown was known to be true */
export const Heard = ({ at, failing, live }) =>
  failing && at
    ? html`<p class="heard stale" role="status"><${Icon} name="offline" size=${18} /><span>${t("queue.stale", { time: formatTime(at, zone.value) })}</span></p>`
    : html`<p class="heard hint"><i class=${live ? "live" : ""}></i><span>${t(live ? "queue.live" : "queue.asking")}</span></p>`;
