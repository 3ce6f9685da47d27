// The screen on the wall of a branch: it fills the screen, keeps it awake, and says when it no longer hears.
import { useEffect, useState } from "preact/hooks";
import { alerts, ring, setAlerts } from "../alert.js";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Icon } from "../parts/icon.js";
import { NumberBoard } from "../parts/number_board.js";
import { Failed, Skeleton } from "../parts/states.js";
import { useLine, useNow } from "../queue.js";
import { chooseTheme, theme } from "../store.js";
import { formatTime } from "../time.js";

/** @import { Branch } from "../types.js" */

/** A screen nobody is signed in at asks this often. */
const BOARD_MS = 4000;
const TICK_MS = 5000;

/** @param {{params: {id: string}}} props */
export default function BranchBoard({ params: { id } }) {
  const place = useLoad(async () => /** @type {Branch} */ (await api.get(`/branches/${id}`)), [id]);
  const line = useLine(id, BOARD_MS);
  const at = useNow(TICK_MS);
  useAwake();
  // Whoever started it in front of a server that was down finds it running.
  const failed = place.error ?? line.error;
  useEffect(() => {
    if (!failed?.offline && !(failed?.status >= 500)) return;
    const timer = setTimeout(() => [place, line].forEach((one) => one.error && one.retry()), BOARD_MS);
    return () => clearTimeout(timer);
  }, [failed]);
  if (failed) return html`<${Failed} page error=${failed} retry=${() => [place, line].forEach((one) => one.error && one.retry())} />`;
  if (!place.data || !line.data) return html`<${Skeleton} kind="page" rows=${3} />`;
  return html`<div class="board">
    <header><h1>${place.data.name}</h1><p class="board-clock">${formatTime(at, place.data.time_zone)}</p></header>
    ${line.failing && line.at && html`<p class="board-stale" role="alert"><${Icon} name="offline" size=${32} />${t("queue.stale", { time: formatTime(line.at, place.data.time_zone) })}</p>`}
    <${NumberBoard} line=${line.data} onCall=${() => alerts.peek() && ring()} />
    <${Controls} id=${id} />
  </div>`;
}

/** What only whoever sets the screen up needs; gone while it fills the screen. @param {{id: string}} props */
function Controls({ id }) {
  const [filling, setFilling] = useState(Boolean(document.fullscreenElement));
  useEffect(() => {
    const note = () => setFilling(Boolean(document.fullscreenElement));
    document.addEventListener("fullscreenchange", note);
    return () => document.removeEventListener("fullscreenchange", note);
  }, []);
  if (filling) return null;
  const dark = theme.value === "dark" || (theme.value === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  return html`<footer class="row wrap">
    ${document.fullscreenEnabled && html`<button class="button small" type="button" onClick=${() => document.documentElement.requestFullscreen().catch(() => {})}><${Icon} name="system" size=${16} />${t("board.fill")}</button>`}
    <button class="button small" type="button" onClick=${() => chooseTheme(dark ? "light" : "dark")}><${Icon} name=${dark ? "sun" : "moon"} size=${16} />${t(dark ? "theme.light" : "theme.dark")}</button>
    <button class="button small" type="button" aria-pressed=${alerts.value ? "true" : "false"} onClick=${() => setAlerts(!alerts.value)}><${Icon} name="bell" size=${16} />${t(alerts.value ? "board.sound_off" : "board.sound_on")}</button>
    <a class="button small" href=${`/branches/${id}`}>${t("action.back")}</a>
  </footer>`;
}

/** Keeps the screen from going dark, where the browser can. It lets go when the page is hidden, so it is asked again. */
function useAwake() {
  useEffect(() => {
    /** @type {WakeLockSentinel | null} */
    let lock = null;
    let current = true;
    const ask = async () => {
      if (!("wakeLock" in navigator) || document.visibilityState !== "visible") return;
      try {
        const got = await navigator.wakeLock.request("screen");
        if (current) lock = got;
        else got.release();
      } catch {
        // A device that saves its battery says no.
      }
    };
    ask();
    document.addEventListener("visibilitychange", ask);
    return () => {
      current = false;
      document.removeEventListener("visibilitychange", ask);
      lock?.release().catch(() => {});
    };
  }, []);
}
