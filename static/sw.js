// The service worker: shows pushes while no page is open, and leads to the page that they are about. It keeps no
// files and answers no requests, so it never stands between a page and the server.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let push = {};
  try {
    push = event.data?.json() ?? {};
  } catch {
    // Something that is not ours; a browser wants to see something for every push.
  }
  const options = {
    body: push.body ?? "",
    // A repeat of the same message takes the place of the first.
    tag: push.tag,
    lang: push.lang,
    icon: "/static/icon.svg",
    data: { url: push.url ?? "/notifications" },
  };
  event.waitUntil(self.registration.showNotification(push.title || "Belfry", options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data?.url ?? "/notifications"));
});

/** Leads a page that is open there, or opens one. */
async function show(address) {
  const url = new URL(address, self.location.origin);
  // A push names pages of this house only.
  if (url.origin !== self.location.origin) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const here = pages.find((page) => page.url === url.href) ?? pages[0];
  if (!here) return self.clients.openWindow(url.href);
  await here.focus();
  if (here.url !== url.href) await here.navigate(url.href).catch(() => self.clients.openWindow(url.href));
}
