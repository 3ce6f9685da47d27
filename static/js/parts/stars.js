// Ratings: shown, and given.
import { useId } from "preact/hooks";
import { html } from "../html.js";
import { formatNumber, t } from "../i18n.js";
import { Icon } from "./icon.js";

/** @param {{stars: number}} props */
export const Stars = ({ stars }) => html`
  <span class="stars" role="img" aria-label=${t("stars.of", { n: stars })}>
    ${[1, 2, 3, 4, 5].map((n) => html`<${Icon} key=${n} name="star" size=${16} solid=${n <= Math.round(stars)} />`)}
  </span>`;

/** @param {{rating: number | null, count: number}} props */
export const Rating = ({ rating, count }) =>
  rating === null || !count
    ? html`<span class="rating soft">${t("stars.none")}</span>`
    : html`<span class="rating">
        <${Icon} name="star" size=${16} solid />
        <strong>${formatNumber(rating, { minimumFractionDigits: 1, maximumFractionDigits: 1 })}</strong>
        <span class="soft">${t("stars.reviews", { n: count })}</span>
      </span>`;

/** @param {{value: number, onChange: (stars: number) => void, error?: string}} props */
export function StarPicker({ value, onChange, error }) {
  const name = useId();
  return html`<fieldset class="star-picker">
    <legend>${t("review.stars")}</legend>
    <div class="row">
      ${[1, 2, 3, 4, 5].map(
        (n) => html`<label key=${n} class=${n <= value ? "on" : ""}>
          <input type="radio" class="sr-only" name=${name} value=${n} checked=${n === value} onChange=${() => onChange(n)} />
          <${Icon} name="star" size=${28} solid=${n <= value} /><span class="sr-only">${t("stars.of", { n })}</span>
        </label>`,
      )}
    </div>
    ${error && html`<p class="error">${error}</p>`}
  </fieldset>`;
}
