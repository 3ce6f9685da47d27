// Single keys as shortcuts, which can be switched off: whoever speaks to their computer presses keys unawares.
import { signal } from "@preact/signals-core";
import { useEffect, useRef } from "preact/hooks";

const KEY = "belfry.shortcuts";

export const shortcuts = signal(localStorage.getItem(KEY) !== "off");

/** @param {boolean} on */
export function setShortcuts(on) {
  shortcuts.value = on;
  localStorage.setItem(KEY, on ? "on" : "off");
}

/** @param {Record<string, (() => void) | null | false | undefined>} keys what each does, by the key's name in lower case */
export function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (/** @type {KeyboardEvent} */ event) => {
      if (!shortcuts.peek() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      // Whoever types, or answers a dialog, means something else.
      if (document.querySelector("dialog[open]") || /** @type {Element} */ (event.target).closest?.("input, textarea, select, [contenteditable]")) return;
      const act = latest.current[event.key.toLowerCase()];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
