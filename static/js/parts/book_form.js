// The form after a slot was chosen. The slot is held from the moment the form opens until it is sent or left.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, api, newKey } from "../api.js";
import { target } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { go } from "../router.js";
import { ONCE, exceptionsOf, ruleOf, usePreview } from "../series.js";
import { accessToken } from "../session.js";
import { formatLength } from "../time.js";
import { Alternatives } from "./alternatives.js";
import { Field, FormError, useForm, useWishKey } from "./form.js";
import { HoldClock } from "./hold_clock.js";
import { Icon } from "./icon.js";
import { ModeChoice } from "./mode_choice.js";
import { RepeatFields, RepeatPreview } from "./repeat.js";
import { Failed, Skeleton } from "./states.js";
import { When } from "./time.js";

/** @import { Host } from "../branch.js" */
/** @import { Hold, Slot } from "../types.js" */

const DRAFT = "belfry.draft.note";

/** The hold of one slot, released when the page is left; none at a branch, where nobody is chosen yet. @param {string | null} expertId @param {string} startsAt @param {number} minutes */
function useHold(expertId, startsAt, minutes) {
  const [hold, setHold] = useState(/** @type {Hold | null} */ (null));
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [ended, setEnded] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const held = useRef(/** @type {string | null} */ (null));
  const release = () => {
    const id = held.current;
    held.current = null;
    if (id && accessToken()) api.delete(`/holds/${id}`, { keepalive: true }).catch(() => {});
  };
  useEffect(() => {
    let current = true;
    setHold(null);
    setProblem(null);
    setEnded(false);
    if (!expertId) return;
    api.post("/holds", { expert_id: expertId, starts_at: startsAt, minutes }, { key: newKey() }).then(
      (made) => {
        held.current = made.id;
        if (current) setHold(made);
        else release();
      },
      (error) => current && setProblem(error),
    );
    addEventListener("pagehide", release);
    return () => {
      current = false;
      removeEventListener("pagehide", release);
      release();
    };
  }, [expertId, startsAt, minutes, attempt]);
  return {
    hold,
    problem,
    ended,
    end: () => setEnded(true),
    again: () => setAttempt((n) => n + 1),
    /** The booking took the hold over. */
    spent: () => (held.current = null),
  };
}

/** @param {{expert: Host, startsAt: string, minutes: number, onBack: () => void, onPick: (slot: Slot) => void}} props */
export function BookForm({ expert, startsAt, minutes, onBack, onPick }) {
  const keeping = useHold(expert.branch ? null : expert.id, startsAt, minutes);
  const form = useForm({ mode: expert.branch ? "offline" : "online", note: sessionStorage.getItem(DRAFT) ?? "", repeat: ONCE });
  const repeats = form.values.repeat.every !== "";
  const rule = ruleOf(form.values.repeat);
  const looking = usePreview({ expert_id: expert.id, starts_at: startsAt, minutes }, rule);
  const keyOf = useWishKey();
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const endsAt = new Date(Date.parse(startsAt) + minutes * 60_000).toISOString();

  const book = async () => {
    const body = {
      ...target(expert),
      starts_at: startsAt,
      minutes,
      mode: form.values.mode,
      ...(form.values.note.trim() ? { note: form.values.note.trim() } : {}),
      ...(keeping.hold && !keeping.ended ? { hold_id: keeping.hold.id } : {}),
    };
    const made = repeats ? await bookSeries(body) : await api.post("/bookings", body, { key: keyOf(body) });
    if (!made) return;
    keeping.spent();
    sessionStorage.removeItem(DRAFT);
    go(`/bookings/${made.id}?booked=1`, { replace: true });
  };

  /** The first of a series, once all of it is booked; what stands against it is shown at its times. @param {any} body */
  const bookSeries = async (body) => {
    const wish = { ...body, rule, exceptions: exceptionsOf(looking.choices) };
    try {
      return (await api.post("/series", wish, { key: keyOf(wish) })).bookings[0];
    } catch (error) {
      if (!(error instanceof Problem) || error.slug !== "series-not-free") throw error;
      looking.found(error.body.occurrences);
      form.setProblem(error);
    }
  };

  // On a phone the form opens above what was pressed, so it comes into view, and its heading is read.
  useEffect(() => {
    title.current?.focus({ preventScroll: true });
    title.current?.closest(".book")?.scrollIntoView({ block: "nearest" });
  }, []);

  const problem = form.problem ?? keeping.problem;
  const taken = problem instanceof Problem && problem.slug === "slot-taken";
  const note = form.bind("note");
  return html`<section class="book" aria-labelledby="book-title">
    <button class="link-button back" type="button" onClick=${onBack}><${Icon} name="left" size=${18} />${t("book.back")}</button>
    <h2 id="book-title" tabindex="-1" ref=${title}>${t("book.title")}</h2>
    <div class="book-slot">
      <p class="book-when"><${When} at=${startsAt} until=${endsAt} other=${expert.time_zone} /></p>
      <p class="soft">${formatLength(minutes)} · ${expert.name}</p>
      ${keeping.hold && !keeping.ended && !taken && html`<${HoldClock} until=${keeping.hold.expires_at} onEnd=${keeping.end} />`}
    </div>
    ${taken && html`<${Alternatives} slots=${problem.body.alternatives ?? []} other=${expert.time_zone} onPick=${onPick}>
      <button class="link-button" type="button" onClick=${onBack}>${t("taken.all")}</button>
    <//>`}
    ${!taken && keeping.problem && !form.problem && html`<${Failed} error=${keeping.problem} retry=${keeping.again} />`}
    ${!keeping.hold && !keeping.problem && !expert.branch && html`<${Skeleton} rows=${2} />`}
    ${keeping.ended && !taken && html`<div class="notice pending" role="alert"><p>${t("hold.ended")}</p><button class="button small" type="button" onClick=${keeping.again}>${t("hold.again")}</button></div>`}
    ${(keeping.hold || expert.branch) && !taken && html`
      <form onSubmit=${form.submit(book)} novalidate>
        <${ModeChoice} value=${form.values.mode} onChange=${(/** @type {string} */ mode) => form.set({ mode })} />
        <${Field} as="textarea" label=${t("book.note")} hint=${t("book.note_hint")} optional=${t("form.optional")} rows="4" maxlength="2000" ...${note}
          onInput=${(/** @type {any} */ event) => {
            note.onInput(event);
            sessionStorage.setItem(DRAFT, event.target.value);
          }} />
        ${!expert.branch && html`<${RepeatFields} repeat=${form.values.repeat} startsAt=${startsAt} problem=${looking.problem ?? form.problem} onChange=${(/** @type {any} */ change) => form.set({ repeat: { ...form.values.repeat, ...change } })} />`}
        ${rule && html`<${RepeatPreview} looking=${looking} other=${expert.time_zone} />`}
        <${FormError} problem=${form.problem} known=${["/note", "/mode", "/rule", "/rule/count", "/rule/until"]} />
        <div class="actions">
          <button class="button primary" disabled=${form.busy || (repeats && !looking.bookable)}>${form.busy ? t("state.sending") : repeats ? t("series.send", { n: looking.preview?.occurrences.length ?? 0 }) : expert.booking_rules.auto_confirm ? t("book.send_auto") : t("book.send")}</button>
          <p class="hint">${expert.booking_rules.auto_confirm ? t("book.hint_auto") : t("book.hint")}</p>
        </div>
      </form>`}
  </section>`;
}
