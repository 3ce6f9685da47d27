// Runs before the first paint so that a chosen theme never flashes the other one.
(() => {
  const theme = localStorage.getItem("belfry.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  // The words are on their way before the modules that ask for them; the choice is that of i18n.js.
  const wanted = [localStorage.getItem("belfry.locale"), ...navigator.languages].map((tag) => tag?.toLowerCase().split("-")[0]);
  const language = wanted.find((tag) => tag === "en" || tag === "vi" || tag === "zh") ?? "en";
  const href = new URL(`../i18n/${language}.json`, /** @type {HTMLScriptElement} */ (document.currentScript).src).href;
  document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "fetch", crossOrigin: "anonymous", href }));
})();
