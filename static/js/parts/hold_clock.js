// How long a slot is still kept for the person who fills the form.
import { useEffect, useState } from "preact/hooks";
import { now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

/** @param {{until: string, onEnd: () => void}} props */
export function HoldClock({ until, onEnd }) {
  const left = () => Math.max(0, Math.ceil((Date.parse(until) - now()) / 1000));
  const [seconds, setSeconds] = useState(left);
  useEffect(() => {
    const timer = setInterval(() => {
      const rest = left();
      setSeconds(rest);
      if (rest > 0) return;
      clearInterval(timer);
      onEnd();
    }, 250);
    return () => clearInterval(timer);
  }, [until]);
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return html`<p class=${seconds < 60 ? "hold-clock ending" : "hold-clock"} role="timer"><${Icon} name="clock" size=${18} />${t("hold.left", { time: text })}</p>`;
}
