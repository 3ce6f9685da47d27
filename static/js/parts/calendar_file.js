// The calendar file of a booking.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Download } from "./download.js";

/** @import { Api } from "../api.js" */

/** @param {{id: string, code: string, via?: Api}} props */
export const CalendarFile = ({ id, code, via }) => html`
  <${Download} path=${`/bookings/${id}/calendar.ics`} name=${`booking-${code}.ics`} label=${t("booking.calendar")} icon="calendar" via=${via} />`;
