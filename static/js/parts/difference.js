// What a change changed: each member that differs, as it was and as it is. Long texts line by line.
import { html } from "../html.js";
import { t } from "../i18n.js";

/** Lines of one text beyond which both are shown whole: comparing takes the square of them. */
const MOST_LINES = 400;

/** @param {any} value @param {string} path @param {Map<string, any>} into @returns {Map<string, any>} */
function members(value, path, into = new Map()) {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    for (const [name, inner] of Object.entries(value)) members(inner, path ? `${path}.${name}` : name, into);
  } else if (path || value !== null) into.set(path, value);
  return into;
}

/** @param {any} value @returns {string} */
const written = (value) => {
  if (typeof value === "string") return value;
  return Array.isArray(value) && value.every((one) => typeof one === "string") ? value.join(", ") : JSON.stringify(value);
};

/**
 * Members that differ.
 * @param {any} before @param {any} after
 * @returns {{path: string, before: any, after: any}[]} undefined where a member is not there
 */
export function changes(before, after) {
  const [was, is] = [members(before, ""), members(after, "")];
  return [...new Set([...was.keys(), ...is.keys()])]
    .map((path) => ({ path, before: was.get(path), after: is.get(path) }))
    .filter((one) => JSON.stringify(one.before) !== JSON.stringify(one.after));
}

/**
 * Lines that stayed, went and came, by the longest common sequence.
 * @param {string[]} was @param {string[]} is
 * @returns {{sign: " " | "-" | "+", text: string}[]}
 */
export function lines(was, is) {
  const longest = Array.from({ length: was.length + 1 }, () => new Uint16Array(is.length + 1));
  for (let i = was.length - 1; i >= 0; i--) {
    for (let j = is.length - 1; j >= 0; j--) longest[i][j] = was[i] === is[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  }
  /** @type {{sign: " " | "-" | "+", text: string}[]} */
  const found = [];
  let [i, j] = [0, 0];
  while (i < was.length || j < is.length) {
    if (i < was.length && j < is.length && was[i] === is[j]) (found.push({ sign: " ", text: was[i] }), i++, j++);
    else if (i < was.length && (j === is.length || longest[i + 1][j] >= longest[i][j + 1])) found.push({ sign: "-", text: was[i++] });
    else found.push({ sign: "+", text: is[j++] });
  }
  return found;
}

/** @param {{before: any, after: any}} props */
function Sides({ before, after }) {
  const [was, is] = [before, after].map((value) => (value === undefined ? [] : written(value).split("\n")));
  if (was.length + is.length > 2 && was.length && is.length && was.length < MOST_LINES && is.length < MOST_LINES) {
    return html`<div class="diff-lines">${lines(was, is).map(({ sign, text }, i) => {
      if (sign === "-") return html`<del key=${i}><span class="sr-only">${t("audit.was")} </span>${text || " "}</del>`;
      if (sign === "+") return html`<ins key=${i}><span class="sr-only">${t("audit.is")} </span>${text || " "}</ins>`;
      return html`<span key=${i}>${text || " "}</span>`;
    })}</div>`;
  }
  return html`<div class="diff-sides">
    ${before !== undefined && html`<del><span class="sr-only">${t("audit.was")} </span>${written(before)}</del>`}
    ${before !== undefined && after !== undefined && html`<span aria-hidden="true">→</span>`}
    ${after !== undefined && html`<ins><span class="sr-only">${t("audit.is")} </span>${written(after)}</ins>`}
  </div>`;
}

/** @param {{before: any, after: any}} props */
export function Difference({ before, after }) {
  const found = changes(before, after);
  if (!found.length) return html`<p class="soft hint">${t("audit.same")}</p>`;
  return html`<dl class="diff">${found.map((one) => html`<div key=${one.path}><dt>${one.path || t("audit.value")}</dt><dd><${Sides} before=${one.before} after=${one.after} /></dd></div>`)}</dl>`;
}
