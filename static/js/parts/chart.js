// A chart of stacked bars by day, drawn by the vendored library, with what it says in words under the pointer and a table
// behind it for those who do not see it.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { theme } from "../store.js";

/** @typedef {{key: string, label: string, tone: string}} Series tone: a status whose colour it has */
/** @typedef {{label: string, values: Record<string, number>}} Point */

const SCRIPT = "/static/vendor/uplot-1.6.32.js";
const STYLE = "/static/vendor/uplot-1.6.32.css";
const HEIGHT = 220;

/** @type {Promise<any> | undefined} */
let library;

/** The library is read when a chart is first shown. */
function load() {
  library ??= (async () => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: STYLE });
    const styled = new Promise((resolve, reject) => Object.assign(link, { onload: resolve, onerror: reject }));
    document.head.append(link);
    const [module] = await Promise.all([import(SCRIPT), styled]);
    return module.default;
  })().catch((error) => {
    library = undefined;
    throw error;
  });
  return library;
}

/** Rises when the colours change: by choice, or with the system. */
function useColours() {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: dark)");
    const changed = () => setTurn((old) => old + 1);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, []);
  return `${turn} ${theme.value}`;
}

/**
 * @param {{title: string, series: Series[], points: Point[], first: string}} props first: what the points are, for the
 *   first column of the table
 */
export function StackedBars({ title, series, points, first }) {
  const holder = useRef(/** @type {HTMLDivElement | null} */ (null));
  const legend = useRef(/** @type {HTMLUListElement | null} */ (null));
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const [failed, setFailed] = useState(false);
  const colours = useColours();
  const shown = series.filter(({ key }) => points.some((point) => point.values[key]));

  useEffect(() => {
    const box = holder.current;
    if (!box || !shown.length) return;
    /** @type {any} */
    let chart;
    let current = true;
    const resized = new ResizeObserver(() => chart?.setSize({ width: box.clientWidth, height: HEIGHT }));
    load().then(
      (uPlot) => {
        if (!current) return;
        chart = new uPlot(options(uPlot, box, legend.current, shown, points, setAt), heights(shown, points), box);
        resized.observe(box);
      },
      () => current && setFailed(true),
    );
    return () => {
      current = false;
      resized.disconnect();
      chart?.destroy();
    };
  }, [points, colours, shown.length]);

  const said = at === null ? null : points[at];
  return html`<figure class="chart">
    <figcaption><h2>${title}</h2></figcaption>
    ${!shown.length && html`<p class="soft">${t("chart.nothing")}</p>`}
    ${shown.length > 0 && html`
      <ul class="legend" ref=${legend}>${shown.map((one) => html`<li key=${one.key}><i class=${`swatch ${one.tone}`}></i>${one.label}</li>`)}</ul>
      ${!failed && html`<div class="plot" aria-hidden="true" ref=${holder}></div>
      <p class="chart-said hint" aria-hidden="true">${said ? `${said.label}: ${told(shown, said)}` : " "}</p>`}
      <details open=${failed}><summary>${t("chart.table")}</summary><${Table} title=${title} series=${shown} points=${points} first=${first} /></details>`}
  </figure>`;
}

/** @param {Series[]} series @param {Point} point */
const told = (series, point) => series.filter(({ key }) => point.values[key]).map(({ key, label }) => `${label} ${point.values[key]}`).join(" · ") || t("chart.zero");

/** @param {{title: string, series: Series[], points: Point[], first: string}} props */
const Table = ({ title, series, points, first }) => html`<div class="wide-table" tabindex="0" role="region" aria-label=${title}><table class="figures">
  <thead><tr><th scope="col">${first}</th>${series.map((one) => html`<th key=${one.key} scope="col">${one.label}</th>`)}</tr></thead>
  <tbody>${points.map((point) => html`<tr key=${point.label}><th scope="row">${point.label}</th>${series.map(({ key }) => html`<td key=${key}>${point.values[key] ?? 0}</td>`)}</tr>`)}</tbody>
</table></div>`;

/** Each series stands on those after it, so the tallest is drawn first. @param {Series[]} series @param {Point[]} points */
function heights(series, points) {
  const rows = series.map((_, i) => points.map((point) => series.slice(i).reduce((sum, { key }) => sum + (point.values[key] ?? 0), 0)));
  return [points.map((_, i) => i), ...rows];
}

/**
 * @param {any} uPlot @param {HTMLElement} box @param {HTMLElement | null} legend @param {Series[]} series
 * @param {Point[]} points @param {(at: number | null) => void} onPoint
 */
function options(uPlot, box, legend, series, points, onPoint) {
  const style = getComputedStyle(box);
  // The canvas knows no tokens; what the page made of them is read from the legend.
  const swatches = [...(legend?.querySelectorAll(".swatch") ?? [])].map((swatch) => getComputedStyle(swatch).backgroundColor);
  const [ink, line, font] = [style.color, style.borderTopColor, `12px ${style.fontFamily}`];
  const bars = uPlot.paths.bars({ size: [0.72, 48] });
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
    scales: { x: { time: false, range: () => [-0.6, points.length - 0.4] }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [0, Math.max(most * 1.05, 4)] } },
    axes: [
      { stroke: ink, font, grid: { show: false }, ticks: { show: false }, space: 64, incrs: [1, 2, 7, 14, 28], values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((i) => points[i]?.label ?? "") },
      { stroke: ink, font, size: 40, grid: { stroke: line, width: 1 }, ticks: { show: false }, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000, 100_000] },
    ],
    series: [{}, ...series.map((one, i) => ({ label: one.label, fill: swatches[i], stroke: swatches[i], width: 0, paths: bars, points: { show: false } }))],
    hooks: { setCursor: [(/** @type {any} */ chart) => onPoint(chart.cursor.idx ?? null)] },
  };
}
