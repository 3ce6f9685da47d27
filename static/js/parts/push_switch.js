// Whether this device is told by push, and the other devices that are.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { pushState, turnOff, turnOn } from "../push.js";
import { attempt } from "../run.js";
import { say } from "../store.js";
import { Failed, Skeleton, explain } from "./states.js";

/** @import { Device } from "../types.js" */
/** @import { PushState } from "../push.js" */

/** @returns {Promise<{state: PushState, devices: Device[]}>} */
const read = async () => {
  const state = await pushState();
  return { state, devices: (await api.get("/me/devices")).items };
};

/** @param {{onChange: () => void}} props onChange: a device was added or forgotten */
export function PushSwitch({ onChange }) {
  const page = useLoad(read, []);
  if (page.loading) return html`<${Skeleton} rows=${1} />`;
  if (page.error) return html`<${Failed} error=${page.error} retry=${page.retry} />`;
  const { state, devices } = /** @type {{state: PushState, devices: Device[]}} */ (page.data);
  const change = async (/** @type {boolean} */ on) => {
    page.set({ state: on ? "on" : "off", devices });
    try {
      await (on ? turnOn() : turnOff());
    } catch (error) {
      // A browser that cannot reach its push service says so in words of its own.
      say(error instanceof DOMException ? t("push.failed") : explain(error), { tone: "bad" });
    }
    await page.refresh();
    onChange();
  };
  const forget = async (/** @type {Device} */ device) => {
    await attempt(() => api.delete(`/me/devices/${device.id}`));
    await page.refresh();
    onChange();
  };
  const possible = state === "on" || state === "off";
  return html`<section class="card" id="push">
    <h2>${t("push.title")}</h2>
    <label class="check"><input type="checkbox" role="switch" checked=${state === "on"} disabled=${!possible}
      onChange=${(/** @type {any} */ event) => change(event.target.checked)} /><span>${t("push.here")}</span></label>
    <p class="hint">${t(`push.${state}`)}</p>
    ${devices.length > 0 &&
    html`<ul class="devices" aria-label=${t("push.devices")}>
      ${devices.map((device) => html`<li key=${device.id} class="row between">
        <span>${device.label || t(`push.kind_${device.kind}`)}</span>
        <button class="button small" type="button" aria-label=${t("push.forget_one", { name: device.label || t(`push.kind_${device.kind}`) })}
          onClick=${() => forget(device)}>${t("action.remove")}</button>
      </li>`)}
    </ul>`}
  </section>`;
}
