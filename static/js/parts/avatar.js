// A face, or the initials of a name on a tint that stays the same for the same person.
import { html } from "../html.js";

/** @param {string} name */
const initials = (name) => {
  const words = name.trim().split(/\s+/);
  return ((words[0]?.[0] ?? "") + (words.length > 1 ? words[words.length - 1][0] : "")).toUpperCase();
};

/** @param {{name: string, url?: string | null, size?: "s" | "m" | "l"}} props */
export function Avatar({ name, url, size = "m" }) {
  if (url) return html`<img class=${`avatar ${size}`} src=${url} alt="" loading="lazy" />`;
  const tint = [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 6;
  // The letters are drawn by the style sheet, so that they are no part of any button's words.
  return html`<span class=${`avatar ${size} tint${tint}`} data-initials=${initials(name)}></span>`;
}
