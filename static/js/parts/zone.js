// The zone picker: every IANA zone, the likely ones first.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { user } from "../session.js";
import { chooseZone, zone } from "../store.js";
import { allZones, deviceZone, zoneCity, zoneOffset } from "../time.js";
import { Field } from "./form.js";

/** @param {string[]} first */
function options(first) {
  const near = [...new Set(first)];
  const label = (/** @type {string} */ name) => `${name.replaceAll("_", " ")} (${zoneOffset(name)})`;
  return html`
    <optgroup label=${t("zone.near")}>${near.map((name) => html`<option key=${name} value=${name}>${label(name)}</option>`)}</optgroup>
    <optgroup label=${t("zone.all")}>
      ${allZones()
        .filter((name) => !near.includes(name))
        .map((name) => html`<option key=${name} value=${name}>${name.replaceAll("_", " ")}</option>`)}
    </optgroup>`;
}

/** For a form: the value is the form's. @param {{value: string, [attribute: string]: any}} props */
export const ZoneField = ({ value, ...rest }) => html`
  <${Field} as="select" value=${value} ...${rest}>${options([value || deviceZone(), deviceZone(), "UTC"])}<//>`;

/** For the page: in which zone all times are shown. @param {{other?: string, branch?: boolean}} props other: the zone of the expert, or of the branch */
export const ZonePicker = ({ other, branch }) => html`
  <${Field}
    as="select"
    label=${t("zone.label")}
    value=${zone.value}
    onChange=${(/** @type {any} */ event) => chooseZone(event.target.value)}
    hint=${other && other !== zone.value ? t(branch ? "zone.branch" : "zone.expert", { city: zoneCity(other), offset: zoneOffset(other) }) : undefined}
  >
    ${options([zone.value, user.value?.time_zone ?? deviceZone(), deviceZone(), ...(other ? [other] : [])])}
  <//>`;
