// A table of any length: only the rows in sight are drawn, and the next page is read before the end is reached.
import { Component } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";

/** As tall as a row is drawn, in px; the style sheet says the same. */
export const ROW_PX = 44;
/** Rows drawn beyond those in sight, so that scrolling does not outrun the drawing. */
const MARGIN = 12;

/**
 * @template T
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: T) => any} cell
 * @property {"ascending" | "descending"} [sorted]
 * @property {() => void} [onSort]
 * @property {string} [sortWords] what pressing the heading does
 */

/**
 * @param {{label: string, columns: Column<any>[], rows: {id: string}[], more: boolean, busy: boolean, onMore: () => void}} props more:
 *   whether there are rows that were not read yet; busy: they are not to be asked for now
 */
export function LongTable({ label, columns, rows, more, busy, onMore }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [seen, setSeen] = useState({ top: 0, height: 800 });
  useEffect(() => {
    const holder = box.current;
    if (!holder) return;
    let frame = 0;
    const look = () => {
      frame = 0;
      setSeen((old) => {
        const top = Math.floor(holder.scrollTop / ROW_PX) * ROW_PX;
        return old.top === top && old.height === holder.clientHeight ? old : { top, height: holder.clientHeight };
      });
    };
    const soon = () => void (frame ||= requestAnimationFrame(look));
    const resized = new ResizeObserver(soon);
    resized.observe(holder);
    holder.addEventListener("scroll", soon, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      resized.disconnect();
      holder.removeEventListener("scroll", soon);
    };
  }, []);
  const first = Math.max(0, Math.floor(seen.top / ROW_PX) - MARGIN);
  const last = Math.min(rows.length, Math.ceil((seen.top + seen.height) / ROW_PX) + MARGIN);
  useEffect(() => {
    if (more && !busy && last + MARGIN >= rows.length) onMore();
  }, [more, busy, last, rows.length]);
  const gap = (/** @type {string} */ key, /** @type {number} */ count) => count > 0 && html`<tr key=${key} aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${count * ROW_PX}px`, padding: 0, border: 0 }}></td></tr>`;
  return html`<div class="long-table" tabindex="0" role="region" aria-label=${label} ref=${box}>
    <table aria-rowcount=${more ? -1 : rows.length + 1}>
      <thead><tr aria-rowindex="1">${columns.map((column) => html`<th key=${column.key} scope="col" aria-sort=${column.sorted}>
        ${column.onSort ? html`<button class="sort" type="button" title=${column.sortWords} onClick=${column.onSort}>${column.label}<span aria-hidden="true">${column.sorted === "ascending" ? " ↑" : " ↓"}</span></button>` : column.label}</th>`)}</tr></thead>
      <tbody>
        ${gap("above", first)}
        ${rows.slice(first, last).map((row, i) => html`<${Row} key=${row.id} row=${row} at=${first + i + 2} columns=${columns} />`)}
        ${gap("below", rows.length - last)}
      </tbody>
    </table>
  </div>`;
}

/** A row is drawn anew only when it is another one: scrolling leaves those in sight alone. */
class Row extends Component {
  /** @param {any} next */
  shouldComponentUpdate(next) {
    const { row, at, columns } = /** @type {any} */ (this.props);
    return next.row !== row || next.at !== at || next.columns !== columns;
  }

  render() {
    const { row, at, columns } = /** @type {{row: any, at: number, columns: Column<any>[]}} */ (/** @type {any} */ (this.props));
    return html`<tr aria-rowindex=${at}>${columns.map((column) => html`<td key=${column.key} class=${`cell-${column.key}`}>${column.cell(row)}</td>`)}</tr>`;
  }
}
