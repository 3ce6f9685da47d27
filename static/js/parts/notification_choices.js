// What a person wants to be told by which way, when not to be disturbed, and whether news is gathered. Each change is
// saved as it is made and can be taken back. The inbox is kept whatever is chosen here.
import { useRef, useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { say } from "../store.js";
import { zoneCity } from "../time.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton, explain } from "./states.js";
import { shown } from "./week_hours.js";

/** @import { Channels, Preferences, User } from "../types.js" */
/** @typedef {keyof Channels} Way */
/** @typedef {keyof Preferences["categories"]} Category */

export const WAYS = /** @type {const} */ (["email", "telegram", "sms", "push"]);
const CATEGORIES = /** @type {const} */ (["booking", "reminder", "review"]);
const USUAL_QUIET = { from: "22:00", until: "07:00" };

/** @param {{person: User}} props */
export function NotificationChoices({ person }) {
  const page = useLoad(async () => {
    const { data, etag } = await api.read("/me/preferences");
    return { chosen: /** @type {Preferences} */ (data), etag };
  }, []);
  if (page.loading) return html`<section class="card"><h2>${t("choices.title")}</h2><${Skeleton} rows=${2} /></section>`;
  if (page.error || !page.data) return html`<section class="card"><h2>${t("choices.title")}</h2><${Failed} error=${page.error} retry=${page.retry} /></section>`;
  return html`<${Choices} person=${person} start=${page.data} />`;
}

/** @param {{person: User, start: {chosen: Preferences, etag: string | null}}} props */
function Choices({ person, start }) {
  const [chosen, setChosen] = useState(start.chosen);
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  // What the server has, and the saves on their way: one after the other, so that each names the version before it.
  const kept = useRef(start);
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
  const reread = async () => {
    try {
      const { data, etag } = await api.read("/me/preferences");
      kept.current = { chosen: data, etag };
      wanted.current = data;
      setChosen(data);
      say(t("choices.stale"), { tone: "bad", ms: 12_000 });
    } catch (error) {
      say(explain(error), { tone: "bad" });
    }
  };
  const setWay = (/** @type {Way} */ way, /** @type {boolean} */ on) => save({ ...wanted.current, channels: { ...wanted.current.channels, [way]: on } });
  const setCell = (/** @type {Category} */ category, /** @type {Way} */ way, /** @type {boolean} */ on) => {
    const { categories } = wanted.current;
    save({ ...wanted.current, categories: { ...categories, [category]: { ...categories[category], [way]: on } } });
  };
  const setQuiet = (/** @type {Preferences["quiet_hours"]} */ quiet_hours) => save({ ...wanted.current, quiet_hours });
  const error = (/** @type {string} */ pointer) => (problem instanceof Problem ? problem.at(pointer) : undefined);
  const quiet = chosen.quiet_hours;

  return html`<section class="card choices" aria-labelledby="choices">
    <h2 id="choices">${t("choices.title")}</h2>
    <p class="soft">${t("choices.lead")}</p>
    <table class="matrix">
      <caption class="sr-only">${t("choices.caption")}</caption>
      <thead><tr>
        <th scope="col"><span class="sr-only">${t("choices.what")}</span></th>
        ${WAYS.map((way) => html`<th key=${way} scope="col">${t(`way.${way}`)}</th>`)}
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
    <${Missing} person=${person} />
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

/** What is needed before a way can be used. @param {{person: User}} props */
const Missing = ({ person }) => html`
  <ul class="choices-missing">
    ${!person.phone && html`<li><${Icon} name="ban" size=${16} /><span><strong>${t("way.sms")}:</strong> ${t("choices.no_phone")}</span></li>`}
    <li><${Icon} name="why" size=${16} /><span><strong>${t("way.telegram")}, ${t("way.push")}:</strong> ${t("choices.needs_link")}</span></li>
  </ul>`;
