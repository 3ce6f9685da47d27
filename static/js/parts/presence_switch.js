import { useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { attempt } from "../run.js";
import { Choice } from "./form.js";
import { Presence } from "./status.js";

/** @import { Expert } from "../types.js" */

/** @param {{expert: Expert}} props */
export function PresenceSwitch({ expert }) {
  const [presence, setPresence] = useState(expert.presence);
  const change = async (/** @type {Expert["presence"]} */ wanted) => {
    const before = presence;
    setPresence(wanted);
    const done = await attempt(() => api.put(`/experts/${expert.id}/presence`, { presence: wanted }));
    if (!done) setPresence(before);
  };
  return html`<${Choice} label=${t("presence.label")} hidden value=${presence} onChange=${change}
    options=${["online", "busy", "offline"].map((one) => ({ value: one, label: html`<${Presence} presence=${one} />` }))} />`;
}
