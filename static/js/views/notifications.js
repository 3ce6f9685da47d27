// All notifications, or the unread ones.
import { useEffect } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { usePages } from "../load.js";
import { NotificationRow, markRead, withRead } from "../parts/notification.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { setQuery } from "../router.js";
import { attempt } from "../run.js";
import { countUnread, onNews, onRead, onResync } from "../socket.js";
import { unread } from "../store.js";

/** @import { Notification, Page } from "../types.js" */

/** @param {{query: URLSearchParams}} props */
export default function Notifications({ query }) {
  const onlyUnread = query.get("show") === "unread";
  const oldest = query.get("sort") === "created_at";
  const pages = usePages(
    (after, limit) => /** @type {Promise<Page<Notification>>} */ (api.get("/notifications", { ...(onlyUnread ? { unread: true } : {}), sort: oldest ? "created_at" : "", after, limit })),
    [onlyUnread, oldest],
    10,
  );
  const arrived = (/** @type {Notification[]} */ items, /** @type {Notification} */ one) => {
    const others = items.filter(({ id }) => id !== one.id);
    if (!oldest) return [one, ...others];
    // The newest comes last, once everything before it was read.
    return pages.next ? items : [...others, one];
  };
  useEffect(() => {
    const stops = [
      onNews((one) => pages.change((items) => arrived(items, one))),
      onRead((read) => pages.change((items) => withRead(items, read))),
      onResync(pages.refresh),
    ];
    return () => stops.forEach((stop) => stop());
  }, [onlyUnread, oldest, pages.next]);

  const read = (/** @type {Notification} */ one) =>
    attempt(async () => {
      await markRead(one);
      pages.change((items) => withRead(items, { id: one.id }));
    });
  const remove = (/** @type {Notification} */ one) =>
    attempt(async () => {
      await api.delete(`/notifications/${one.id}`);
      pages.change((items) => items.filter((other) => other.id !== one.id));
      countUnread();
    });
  const readAll = () =>
    attempt(async () => {
      await api.post("/notifications/read-all");
      pages.change((items) => withRead(items, { up_to: Infinity }));
      countUnread();
    });

  return html`
    <header class="page-head row wrap between">
      <h1>${t("notifications.title")}</h1>
      ${unread.value > 0 && html`<button class="button small" type="button" onClick=${readAll}>${t("notifications.mark_all")}</button>`}
    </header>
    <div class="row wrap between">
      <div class="segments tabs" role="group" aria-label=${t("notifications.show")}>
        <button type="button" aria-pressed=${onlyUnread ? "false" : "true"} onClick=${() => setQuery({ show: null })}>${t("notifications.all")}</button>
        <button type="button" aria-pressed=${onlyUnread ? "true" : "false"} onClick=${() => setQuery({ show: "unread" })}>${t("notifications.unread")}</button>
      </div>
      <button class="button small" type="button" aria-pressed=${oldest ? "true" : "false"} onClick=${() => setQuery({ sort: oldest ? null : "created_at" })}>${t("outbox.sort_oldest")}</button>
    </div>
    ${pages.loading && html`<${Skeleton} rows=${6} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="bell" title=${t(onlyUnread ? "notifications.none_unread" : "notifications.empty")} text=${t("notifications.empty_text")} />`}
    ${pages.items.length > 0 && html`<ul class="news-list card">${pages.items.map((one) => html`<${NotificationRow} key=${one.id} notification=${one} onRead=${read} onDelete=${remove} />`)}</ul><${More} pages=${pages} />`}
    <p class="hint">${t("notifications.kept")}</p>`;
}
