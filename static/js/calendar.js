// Loads the vendored calendar when a page first needs it. It is a classic script that leaves one global behind.
const SCRIPT = "/static/vendor/event-calendar-5.10.1.js";
const STYLES = ["/static/vendor/event-calendar-5.10.1.css", "/static/css/agenda.css"];

/** @type {Promise<any> | null} */
let loading = null;

/** @param {HTMLScriptElement | HTMLLinkElement} element */
const loaded = (element) =>
  new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error("the calendar did not load"));
    document.head.append(element);
  });

/** @returns {Promise<{create: (target: HTMLElement, options: object) => any, destroy: (calendar: any) => void}>} */
export function calendarLibrary() {
  loading ??= (async () => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    const links = STYLES.map((href) => {
      const link = document.createElement("link");
      link.rel = "stylesheet";
      link.href = href;
      return link;
    });
    await Promise.all([script, ...links].map(loaded));
    return /** @type {any} */ (window).EventCalendar;
  })().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}
