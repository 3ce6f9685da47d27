// The calendar file of a booking. It needs a token, so it is fetched and handed to the browser as a file.
import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { say } from "../store.js";
import { Icon } from "./icon.js";
import { explain } from "./states.js";

/** @import { Api } from "../api.js" */

/** @param {{id: string, code: string, via?: Api}} props */
export function CalendarFile({ id, code, via = api }) {
  const [busy, setBusy] = useState(false);
  const fetchFile = async () => {
    setBusy(true);
    try {
      const url = URL.createObjectURL(await via.blob(`/bookings/${id}/calendar.ics`));
      const link = document.createElement("a");
      link.href = url;
      link.download = `booking-${code}.ics`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      say(explain(error), { tone: "bad" });
    } finally {
      setBusy(false);
    }
  };
  return html`<button class="button" type="button" disabled=${busy} onClick=${fetchFile}><${Icon} name="calendar" size=${18} />${t("booking.calendar")}</button>`;
}
