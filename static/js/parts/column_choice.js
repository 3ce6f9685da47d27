// Which columns a table shows: the address says so, else what was chosen on this device before, else the usual ones.
import { html } from "../html.js";
import { t } from "../i18n.js";
import { setQuery } from "../router.js";

/** @param {string} table */
const key = (table) => `belfry.columns.${table}`;

/**
 * @param {string} table its name, under which the choice is kept
 * @param {URLSearchParams} query @param {string[]} all in their order @param {string[]} usual
 */
export function chosenColumns(table, query, all, usual) {
  const known = (/** @type {string | null} */ list) => (list ?? "").split(",").filter((name) => all.includes(name));
  return [known(query.get("columns")), known(localStorage.getItem(key(table))), usual].find((list) => list.length) ?? all;
}

/** @param {{table: string, all: string[], shown: string[], words: (name: string) => string}} props */
export const ColumnChoice = ({ table, all, shown, words }) => {
  const toggle = (/** @type {string} */ name) => {
    const columns = all.filter((known) => (known === name ? !shown.includes(known) : shown.includes(known))).join(",");
    localStorage.setItem(key(table), columns);
    setQuery({ columns });
  };
  return html`<details class="column-choice"><summary>${t("booking_table.columns")}</summary><div class="row wrap">
    ${all.map((name) => html`<label class="check" key=${name}><input type="checkbox" checked=${shown.includes(name)} disabled=${shown.length === 1 && shown[0] === name} onChange=${() => toggle(name)} /><span>${words(name)}</span></label>`)}
  </div></details>`;
};
