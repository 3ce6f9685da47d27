// What happened, in words: whom an event names and what it is about.
import { t } from "./i18n.js";

/** @import { Happening, Ref } from "./types.js" */

/** "Booking confirmed", for the type of an event. @param {string | null} type */
export const eventWords = (type) => (type ? t(`type.${type.replace(".", "_")}`) : t("explain.unread"));

/** Those an event names, with their names where it says them. @param {Happening} event @returns {(Ref & {side: string})[]} */
export function named(event) {
  return event.people.map((id) => {
    const side = ["client", "expert"].find((one) => event.data?.[one]?.id === id);
    return side ? { id, name: event.data[side].name, side } : { id, name: "", side: "holder" };
  });
}

/** What an event is about, in a few words. @param {Happening} event */
export function about(event) {
  const { code, client, expert } = event.data ?? {};
  if (event.type?.startsWith("waitlist.")) return t("explain.about_waiting", { client: client?.name ?? "", expert: expert?.name ?? "" });
  if (event.type?.startsWith("visit.")) return t("explain.about_visit", { name: event.data?.name ?? "", branch: event.data?.branch?.name ?? "" });
  return code ? t("explain.about_booking", { code, client: client?.name ?? "", expert: expert?.name ?? "" }) : t("explain.about_account");
}
