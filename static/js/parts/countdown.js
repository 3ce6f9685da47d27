// Time that runs out, second by second, by the server's clock.
import { useEffect, useState } from "preact/hooks";
import { now } from "../api.js";
import { html } from "../html.js";

/** Seconds until an instant. @param {string} until @param {() => void} [onEnd] */
export function useCountdown(until, onEnd) {
  const left = () => Math.max(0, Math.ceil((Date.parse(until) - now()) / 1000));
  const [seconds, setSeconds] = useState(left);
  useEffect(() => {
    setSeconds(left());
    const timer = setInterval(() => {
      const rest = left();
      setSeconds(rest);
      if (rest > 0) return;
      clearInterval(timer);
      onEnd?.();
    }, 250);
    return () => clearInterval(timer);
  }, [until]);
  return seconds;
}

/** "4:05". @param {number} seconds */
export const clockText = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

/** @param {{until: string, onEnd?: () => void}} props */
export function Countdown({ until, onEnd }) {
  const seconds = useCountdown(until, onEnd);
  return html`<span class=${seconds < 60 ? "countdown ending" : "countdown"} role="timer">${clockText(seconds)}</span>`;
}
