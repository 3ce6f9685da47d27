// Telling somebody who looks away that it is their turn: a short tone and a buzz, where they asked for it.
import { signal } from "@preact/signals-core";

const KEY = "belfry.alert";

/** Whether this device makes itself heard. */
export const alerts = signal(localStorage.getItem(KEY) === "on");

/** @type {AudioContext | null} */
let audio = null;

/** Two notes, and a buzz on a phone. Browsers may forbid either; nothing depends on them. */
export function ring() {
  navigator.vibrate?.([200, 100, 200]);
  try {
    audio ??= new AudioContext();
    audio.resume().catch(() => {});
    [660, 880].forEach((frequency, n) => note(/** @type {AudioContext} */ (audio), frequency, n * 0.22));
  } catch {
    // No sound here.
  }
}

/** @param {AudioContext} context @param {number} frequency @param {number} after seconds */
function note(context, frequency, after) {
  const at = context.currentTime + after;
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = frequency;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.25, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
  tone.connect(volume).connect(context.destination);
  tone.start(at);
  tone.stop(at + 0.21);
}

/** Switching it on rings once: it shows what will be heard, and lets the browser know that a person wants it. @param {boolean} on */
export function setAlerts(on) {
  alerts.value = on;
  localStorage.setItem(KEY, on ? "on" : "off");
  if (on) ring();
}
