// What a person wants to be told by which way, when not to be disturbed, and whether news is gathered. Each change is
// saved as it is made and can be taken back. The inbox is kept whatever is chosen here.
import { useRef, useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { attempt } from "../run.js";
import { say } from "../store.js";
import { zoneCity } from "../time.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton, explain } from "./states.js";
import { spoken } from "./trace.js";
import { shown } from "./week_hours.js";

/** @import { Channels, Preferences, User, WayState } from "../types.js" */
/** @typedef {keyof Channels} Way */
/** @typedef {keyof Preferences["categories"]} Category */

export const WAYS = /** @type {const} */ (["email", "telegram", "sms", "push"]);
const CATEGORIES = /** @type {const} */ (["booking", "reminder", "review"]);
const USUAL_QUIET = { from: "22:00", until: "07:00" };

/** @param {{person: User}} props */
export function NotificationChoices({ person }) {
  const page = useLoad(async () => {
    const [{ data, etag }, ways] = await Promise.all([api.read("/me/preferences"), api.get("/me/ways")]);
    return { chosen: /** @type {Preferences} */ (data), etag, ways: /** @type {WayState[]} */ (ways.items) };
  }, []);
  if (page.loading) return html`<section class="card"><h2>${t("choices.title")}</h2><${Skeleton} rows=${2} /></section>`;
  if (page.error || !page.data) return html`<section class="card"><h2>${t("choices.title")}</h2><${Failed} error=${page.error} retry=${page.retry} /></section>`;
  return html`<${Choices} person=${person} start=${page.data} />`;
}

/** @param {{person: User, start: {chosen: Preferences, etag: string | null, ways: WayState[]}}} props */
function Choices({ person, start }) {
  const [chosen, setChosen] = useState(start.chosen);
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  // What the server has, and the saves on their way: one after the other, so that each names the version before it.
  const kept = useRef({ chosen: start.chosen, etag: start.etag });
  const queue = useRef(/** @type {Promise<void>} */ (Promise.resolve()));
  const wanted = useRef(start.chosen);
  const dismiss = useRef(() => {});

  const save = (/** @type {Preferences} */ next, undoable = true) => {
    wanted.current = next;
    setChosen(next);
    queue.current = queue.current.then(async () => {
      const before = kept.current.chosen;
      try {
        const { data, etag } = await api.write("PUT", "/me/preferences", next, kept.current.etag);
        kept.current = { chosen: data, etag };
        setProblem(null);
        dismiss.current();
        const action = undoable ? { label: t("action.undo"), run: () => (dismiss.current(), save(before, false)) } : undefined;
        dismiss.current = say(t(undoable ? "choices.saved" : "choices.undone"), { tone: "good", action });
      } catch (error) {
        if (error instanceof Problem && error.status === 412) await reread();
        else if (error instanceof Problem && error.status === 422) return setProblem(error);
        else say(explain(error), { tone: "bad" });
        // What stands is shown, unless something newer is on its way already.
        if (wanted.current === next) setChosen((wanted.current = kept.current.chosen));
      }
    });
  };
  const reread = () =>
    attempt(async () => {
      const { data, etag } = await api.read("/me/preferences");
      kept.current = { chosen: data, etag };
      wanted.current = data;
      setChosen(data);
      say(t("choices.stale"), { tone: "bad", ms: 12_000 });
    });
  const setWay = (/** @type {Way} */ way, /** @type {boolean} */ on) => save({ ...wanted.current, channels: { ...wanted.current.channels, [way]: on } });
  const setCell = (/** @type {Category} */ category, /** @type {Way} */ way, /** @type {boolean} */ on) => {
    const { categories } = wanted.current;
    save({ ...wanted.current, categories: { ...categories, [category]: { ...categories[category], [way]: on } } });
  };
  const setQuiet = (/** @type {Preferences["quiet_hours"]} */ quiet_hours) => save({ ...wanted.current, quiet_hours });
  const error = (/** @type {string} */ pointer) => (problem instanceof Problem ? problem.at(pointer) : undefined);
  const quiet = chosen.quiet_hours;
  const off = new Set(start.ways.filter((state) => !works(state)).map((state) => state.way));

  return html`<section class="card choices" aria-labelledby="choices">
    <h2 id="choices">${t("choices.title")}</h2>
    <p class="soft">${t("choices.lead")}</p>
    <table class="matrix">
      <caption class="sr-only">${t("choices.caption")}</caption>
      <thead><tr>
        <th scope="col"><span class="sr-only">${t("choices.what")}</span></th>
        ${WAYS.map((way) => html`<th key=${way} scope="col">${t(`way.${way}`)}${off.has(way) && html` <span class="way-off" title=${t("choices.not_connected")}><${Icon} name="ban" size=${14} /><span class="sr-only">(${t("choices.not_connected")})</span></span>`}</th>`)}
      </tr></thead>
      <tbody>
        <tr class="matrix-all">
          <th scope="row">${t("choices.all")}</th>
          ${WAYS.map((way) => html`<td key=${way}><label><input type="checkbox" role="switch" aria-label=${t("choices.all_by", { way: t(`way.${way}`) })} checked=${chosen.channels[way]}
            onChange=${(/** @type {any} */ event) => setWay(way, event.target.checked)} /></label></td>`)}
        </tr>
        ${CATEGORIES.map((category) => html`<tr key=${category}>
          <th scope="row">${t(`category.${category}`)}<span class="hint">${t(`choices.hint_${category}`)}</span></th>
          ${WAYS.map((way) => html`<td key=${way} class=${chosen.channels[way] ? "" : "dim"}><label><input type="checkbox"
            aria-label=${t("choices.cell", { what: t(`category.${category}`), way: t(`way.${way}`) })}
            checked=${chosen.categories[category][way]} disabled=${!chosen.channels[way]}
            onChange=${(/** @type {any} */ event) => setCell(category, way, event.target.checked)} /></label></td>`)}
        </tr>`)}
        <tr>
          <th scope="row">${t("category.account")}<span class="hint">${t("choices.hint_account")}</span></th>
          <td><span class="matrix-fixed" title=${t("choices.always")}><${Icon} name="check" size=${18} /><span class="sr-only">${t("choices.always")}</span></span></td>
          <td colspan="3" class="soft">${t("choices.always_mail")}</td>
        </tr>
      </tbody>
    </table>
    <${Missing} states=${start.ways} />
    <div class="choices-block">
      <label class="check"><input type="checkbox" role="switch" checked=${Boolean(quiet)} aria-describedby="quiet-hint"
        onChange=${(/** @type {any} */ event) => setQuiet(event.target.checked ? USUAL_QUIET : null)} /><span class="strong">${t("choices.quiet")}</span></label>
      ${quiet && html`<div class="interval">
        <input class="input" type="time" required aria-label=${t("choices.quiet_from")} aria-invalid=${error("/quiet_hours/from") ? "true" : undefined} value=${shown(quiet.from)}
          onChange=${(/** @type {any} */ event) => event.target.value && setQuiet({ ...quiet, from: event.target.value })} />
        <span aria-hidden="true">–</span>
        <input class="input" type="time" required aria-label=${t("choices.quiet_until")} aria-invalid=${error("/quiet_hours/until") ? "true" : undefined} value=${shown(quiet.until)}
          onChange=${(/** @type {any} */ event) => event.target.value && setQuiet({ ...quiet, until: event.target.value })} />
        ${(error("/quiet_hours/from") || error("/quiet_hours/until")) && html`<p class="error" role="alert">${error("/quiet_hours/from") ?? error("/quiet_hours/until")}</p>`}
      </div>`}
      <p class="hint" id="quiet-hint">${t("choices.quiet_hint", { city: zoneCity(person.time_zone) })}</p>
    </div>
    <div class="choices-block">
      <label class="check"><input type="checkbox" role="switch" checked=${chosen.digest === "daily"} aria-describedby="digest-hint"
        onChange=${(/** @type {any} */ event) => save({ ...wanted.current, digest: event.target.checked ? "daily" : "off" })} /><span class="strong">${t("choices.digest")}</span></label>
      <p class="hint" id="digest-hint">${t("choices.digest_hint")}</p>
    </div>
    <p class="notice hint">${t("choices.critical")}</p>
  </section>`;
}

/** The one step that connects a way: where it is taken on this page. @type {Partial<Record<Way, string>>} */
const STEPS = { telegram: "#telegram button, #telegram a", push: "#push input", sms: 'input[name="phone"]' };

/** @param {string} where */
function lead(where) {
  const place = /** @type {HTMLElement | null} */ (document.querySelector(where));
  place?.scrollIntoView({ block: "center" });
  place?.focus({ preventScroll: true });
}

/** Ways by which nothing would come, whatever is chosen above, each with the one step that changes that. @param {{states: WayState[]}} props */
const Missing = ({ states }) => {
  const missing = states.filter((state) => !works(state));
  return missing.length > 0 && html`<ul class="choices-missing">${missing.map((state) => html`<li key=${state.way}><${Icon} name="ban" size=${16} /><span><strong>${t(`way.${state.way}`)}:</strong> ${whyNot(state)}
    ${state.available && !state.connected && STEPS[state.way] && html` <button class="link-button" type="button" onClick=${() => lead(/** @type {string} */ (STEPS[state.way]))}>${t(`choices.connect_${state.way}`)}</button>`}</span></li>`)}</ul>`;
};

/** @param {WayState} state */
function whyNot({ way, available, connected, held }) {
  if (!available) return t("choices.not_offered");
  if (!connected) return t(`choices.missing_${way}`);
  return t("choices.held", { why: spoken(t(`reason.${held}`), held ?? "") });
}

/** @param {WayState} state */
const works = (state) => state.available && state.connected && !state.held;
