// Words. Every string a person reads comes from i18n/{en,vi,zh}.json by key; `{name}` parts are filled in, and an
// entry with plural forms is chosen by `n`.
import { signal } from "@preact/signals-core";

export const LOCALES = /** @type {const} */ ({ en: "English", vi: "Tiếng Việt", zh: "中文" });
const KEY = "belfry.locale";

export const locale = signal("en");
/** The tag for dates and numbers: the reader's own region where the browser names one, such as en-GB for "en". */
export const regional = signal("en");
const words = signal(/** @type {Record<string, string | Record<string, string>>} */ ({}));

/** The nearest language on offer to a BCP 47 tag, or null. @param {string | null | undefined} tag */
export function offered(tag) {
  const language = tag?.toLowerCase().split("-")[0] ?? "";
  return language in LOCALES ? language : null;
}

/** @param {string} language @param {{keep?: boolean}} [options] keep: remember the choice on this device */
export async function setLocale(language, options = {}) {
  const response = await fetch(new URL(`../i18n/${language}.json`, import.meta.url));
  if (!response.ok) throw new Error(`no words for ${language}`);
  words.value = await response.json();
  locale.value = language;
  regional.value = navigator.languages.find((tag) => offered(tag) === language) ?? language;
  document.documentElement.lang = language;
  if (options.keep) localStorage.setItem(KEY, language);
}

/** The language chosen on this device before, or the browser's best match. */
export function preferredLocale() {
  const wanted = [localStorage.getItem(KEY), ...navigator.languages];
  return wanted.map(offered).find(Boolean) ?? "en";
}

export const localeChosen = () => localStorage.getItem(KEY) !== null;

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** A number as people read it. @param {number} n @param {Intl.NumberFormatOptions} [options] */
export function formatNumber(n, options) {
  // These read alike in all of the languages, and a browser's first format takes it some milliseconds.
  if (!options && Number.isInteger(n) && n >= 0 && n < 1000) return String(n);
  const key = regional.value + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) {
    found = new Intl.NumberFormat(regional.value, options);
    formats.set(key, found);
  }
  return found.format(n);
}

/**
 * @param {string} key
 * @param {Record<string, string | number>} [parts]
 * @returns {string}
 */
export function t(key, parts = {}) {
  const entry = words.value[key];
  if (entry === undefined) return key;
  let text = entry;
  if (typeof text !== "string") {
    const form = new Intl.PluralRules(locale.value).select(Number(parts.n));
    text = text[form] ?? text.other;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const part = parts[name];
    return part === undefined ? whole : typeof part === "number" ? formatNumber(part) : part;
  });
}
