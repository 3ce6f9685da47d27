// Numbers for everybody in the room: who is called and where to, who is next, and how long it takes. No names of those
// who wait.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Estimate } from "./estimate.js";

/** @import { Line } from "../queue.js" */

/** As many stand on the screen, so that they can be read from afar. */
const CALLED_MOST = 6;
const NEXT_MOST = 5;
/** From more than this on they are smaller, so that all have room. */
const MANY = 3;
/** How long a number that was just called stands out. */
const FRESH_MS = 12_000;

/** @param {{line: Line, onCall?: () => void}} props onCall: a number was just called */
export function NumberBoard({ line, onCall }) {
  const called = line.board.filter((one) => one.state === "called");
  const serving = line.board.filter((one) => one.state === "serving");
  const next = line.board.filter((one) => one.state === "waiting" || one.state === "offered");
  const fresh = useFresh(called.map((one) => one.number), onCall);
  const shown = [...called, ...serving].slice(0, CALLED_MOST);
  return html`<div class="board-body">
    <div class="board-called"><h2>${t("board.called")}</h2>
      ${shown.length === 0 && html`<p class="board-quiet">${t("board.nobody_called")}</p>`}
      <ol aria-live="polite" class=${shown.length > MANY ? "many" : ""}>${shown.map((one) => html`<li key=${one.number} data-number=${one.number} class=${`${one.state}${fresh.has(one.number) ? " fresh" : ""}`}><b>${one.number}</b><span>${one.expert ? t(one.state === "called" ? "board.to" : "board.with", { name: one.expert.name }) : t(`visit.state_${one.state}`)}</span></li>`)}</ol>
    </div>
    <div class="board-next"><h2>${t("board.next")}</h2>
      ${next.length === 0 ? html`<p class="board-quiet">${t("queue.nobody")}</p>` : html`<ol>${next.slice(0, NEXT_MOST).map((one) => html`<li key=${one.number}>${one.number}</li>`)}</ol>`}
      <dl><div><dt>${t("board.waiting")}</dt><dd>${line.waiting}</dd></div>
        ${(line.estimate || !line.open) && html`<div><dt>${t("queue.joining_now")}</dt><dd>${line.open ? html`<${Estimate} estimate=${line.estimate} clock=${false} />` : t(`desk.closed_${line.reason ?? "hours"}`)}</dd></div>`}</dl>
    </div>
  </div>`;
}

/** Numbers that were called a moment ago. @param {number[]} called @param {(() => void)} [onCall] @returns {Set<number>} */
function useFresh(called, onCall) {
  const before = useRef(called);
  const timers = useRef(/** @type {Set<number>} */ (new Set()));
  const [fresh, setFresh] = useState(/** @type {Set<number>} */ (new Set()));
  const key = called.join();
  useEffect(() => {
    const added = called.filter((number) => !before.current.includes(number));
    before.current = called;
    if (!added.length) return;
    setFresh((old) => new Set([...old, ...added]));
    onCall?.();
    const timer = setTimeout(() => {
      timers.current.delete(timer);
      setFresh((old) => new Set([...old].filter((number) => !added.includes(number))));
    }, FRESH_MS);
    timers.current.add(timer);
  }, [key]);
  useEffect(() => () => timers.current.forEach((timer) => clearTimeout(timer)), []);
  return fresh;
}
