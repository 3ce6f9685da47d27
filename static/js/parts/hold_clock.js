// How long a slot is still kept for the person who fills the form.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { clockText, useCountdown } from "./countdown.js";
import { Icon } from "./icon.js";

/** @param {{until: string, onEnd: () => void}} props */
export function HoldClock({ until, onEnd }) {
  const seconds = useCountdown(until, onEnd);
  return html`<p class=${seconds < 60 ? "hold-clock ending" : "hold-clock"} role="timer"><${Icon} name="clock" size=${18} />${t("hold.left", { time: clockText(seconds) })}</p>`;
}
