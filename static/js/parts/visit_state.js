// Where a visit stands: always a word beside the colour.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Icon } from "./icon.js";

/** @import { VisitState as State } from "../queue.js" */

/** @type {Record<State, [tone: string, icon: string]>} */
const looks = {
  waiting: ["pending", "clock"],
  offered: ["confirmed", "bell"],
  called: ["confirmed", "right"],
  serving: ["completed", "people"],
  done: ["cancelled", "check"],
  left: ["cancelled", "out"],
  no_show: ["missed", "offline"],
  timed_out: ["missed", "clock"],
  transferred: ["cancelled", "move"],
};

/** @param {{state: State}} props */
export const VisitState = ({ state }) => html`
  <span class=${`badge ${looks[state][0]}`} data-visit-state=${state}><${Icon} name=${looks[state][1]} size=${14} />${t(`visit.state_${state}`)}</span>`;
