// The parts that pages are made of, each in every state: a living page, built from the very parts. What they would
// change is refused here, and what they read can be made to hang, to be nothing, or to fail.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Choice } from "../parts/form.js";
import { Failed, Skeleton } from "../parts/states.js";
import { setQuery } from "../router.js";
import { chooseTheme, theme } from "../store.js";
import { plain } from "../specimens/plain.js";
import { reading } from "../specimens/reading.js";
import { readSamples } from "../specimens/samples.js";
import { holdStill } from "../specimens/still.js";

/** @import { Samples } from "../specimens/samples.js" */
/** @import { Face } from "../specimens/still.js" */

const faces = /** @type {const} */ (["full", "loading", "empty", "failed"]);
const themes = /** @type {const} */ (["system", "light", "dark"]);
/** What stands around every page is shown by this one. */
const around = ["shell"];

/** @param {{query: URLSearchParams}} props */
export default function Design({ query }) {
  const face = faces.find((one) => one === query.get("face")) ?? "full";
  const only = query.get("part");
  const samples = useLoad(readSamples, []);
  const names = [...Object.keys(plain), ...Object.keys(reading), ...around].sort();
  return html`
    <header class="page-head"><h1>${t("design.title")}</h1><p class="soft">${t("design.lead")}</p></header>
    <div class="filters">
      <${Choice} label=${t("design.face")} value=${face} options=${faces.map((value) => ({ value, label: t(`design.state_${value}`) }))} onChange=${(/** @type {string} */ value) => setQuery({ face: value === "full" ? null : value })} />
      <${Choice} label=${t("theme.label")} value=${theme.value} options=${themes.map((value) => ({ value, label: t(`theme.${value}`) }))} onChange=${chooseTheme} />
    </div>
    <nav class="chips" aria-label=${t("design.parts")}>${names.map((name) => html`<button key=${name} class="chip" type="button" aria-pressed=${only === name ? "true" : "false"} onClick=${() => setQuery({ part: only === name ? null : name })}>${name}</button>`)}</nav>
    ${samples.loading && html`<${Skeleton} rows=${6} />`}
    ${samples.error && html`<${Failed} error=${samples.error} retry=${samples.retry} />`}
    ${samples.data && html`<${Held} key=${face} face=${face}>${names.filter((name) => !only || only === name).map((name) => html`<${Specimen} key=${name} name=${name} face=${face} samples=${samples.data} />`)}<//>`}`;
}

/** Nothing below it is drawn before the house is held still. @param {{face: Face, children?: any}} props */
function Held({ face, children }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    const letGo = holdStill(face, t("design.changes_nothing"));
    setHeld(true);
    return letGo;
  }, [face]);
  return held && html`<div class="specimens" data-face=${face}>${children}</div>`;
}

/** @param {{name: string, face: Face, samples: Samples}} props */
function Specimen({ name, face, samples }) {
  /** @type {[string, any][]} */
  const states = plain[name]?.(samples) ?? (reading[name] ? [[face, reading[name](samples)]] : [["full", html`<p class="soft">${t("design.around")}</p>`]]);
  return html`<div class="specimen" data-part=${name}>
    <h2><code>${name}</code></h2>
    ${states.map(([state, shown]) => html`<div class="specimen-state" key=${state} data-state=${state}><h3 class="hint">${t(`design.state_${state}`)}</h3><div>${shown}</div></div>`)}
  </div>`;
}
