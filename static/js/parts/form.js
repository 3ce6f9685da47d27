// Form fields that carry their label, hint and error, and the hook that sends a form once and puts each of the
// server's messages at its field.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Problem, newKey } from "../api.js";
import { html } from "../html.js";
import { explain } from "./states.js";

/**
 * @template {Record<string, any>} T
 * @param {T} initial
 */
export function useForm(initial) {
  const [values, setValues] = useState(initial);
  const [problem, setProblem] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  const sending = useRef(false);
  const set = (/** @type {Partial<T>} */ change) => setValues((old) => ({ ...old, ...change }));

  return {
    values,
    set,
    problem,
    setProblem,
    busy,
    /** What a field needs to show and change one value. @param {keyof T & string} name @param {string} [pointer] */
    bind: (name, pointer = `/${name}`) => ({
      name,
      value: values[name] ?? "",
      error: problem instanceof Problem ? problem.at(pointer) : undefined,
      onInput: (/** @type {any} */ event) => set(/** @type {any} */ ({ [name]: event.target.value })),
    }),
    /** @param {(values: T) => Promise<void>} send */
    submit: (send) => async (/** @type {Event} */ event) => {
      event.preventDefault();
      if (sending.current) return;
      const form = /** @type {HTMLFormElement} */ (event.currentTarget);
      sending.current = true;
      setBusy(true);
      setProblem(null);
      try {
        await send(values);
      } catch (error) {
        setProblem(error);
        requestAnimationFrame(() => /** @type {HTMLElement | null} */ (form.querySelector("[aria-invalid=true]"))?.focus());
      } finally {
        sending.current = false;
        setBusy(false);
      }
    },
  };
}

/**
 * The Idempotency-Key of what is asked for: the same wish again is the same thing made, a changed wish is another.
 * @returns {(body: any) => string}
 */
export function useWishKey() {
  const sent = useRef({ text: "", key: "" });
  return (body) => {
    const text = JSON.stringify(body);
    if (sent.current.text !== text) sent.current = { text, key: newKey() };
    return sent.current.key;
  };
}

/** What is typed is never lost by closing the tab unawares. @param {boolean} dirty whether something is not saved */
export function useUnsaved(dirty) {
  useEffect(() => {
    if (!dirty) return;
    const warn = (/** @type {BeforeUnloadEvent} */ event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);
}

/** A number as people write it, as the server reads it. @param {string} text */
export const phoneNumber = (text) => text.replace(/[\s().-]/g, "");

/**
 * @param {{label: string, as?: "input" | "textarea" | "select", hint?: string, error?: string, optional?: string,
 *   wide?: boolean, children?: any, [attribute: string]: any}} props
 */
export function Field({ label, as: Tag = "input", hint, error, optional, wide, children, ...rest }) {
  const id = useId();
  const notes = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`
    <div class=${wide ? "field wide" : "field"}>
      <label for=${id}>${label}${optional && html` <span class="soft">(${optional})</span>`}</label>
      <${Tag} id=${id} class="input" aria-describedby=${notes || undefined} aria-invalid=${error ? "true" : undefined} ...${rest}>${children}<//>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      ${error && html`<p class="error" id=${`${id}-error`}>${error}</p>`}
    </div>`;
}

/** A refusal that belongs to no field. @param {{problem: any, known?: string[]}} props known: pointers a field shows */
export function FormError({ problem, known = [] }) {
  if (!problem) return null;
  const rest = (problem.body?.errors ?? []).filter((/** @type {{pointer: string}} */ e) => !known.includes(e.pointer));
  const shown = problem.body?.errors?.length && !rest.length;
  if (shown) return null;
  return html`<div class="notice bad" role="alert">
    ${rest.length ? rest.map((/** @type {any} */ e) => html`<p key=${e.pointer}>${e.detail}</p>`) : html`<p>${explain(problem)}</p>`}
  </div>`;
}

/**
 * A row of choices of which one is pressed.
 * @param {{label: string, value: any, options: {value: any, label: any}[], onChange: (value: any) => void, hidden?: boolean}} props
 */
export const Choice = ({ label, value, options, onChange, hidden = false }) => html`
  <div class="field">
    <span class=${hidden ? "sr-only" : "label"}>${label}</span>
    <div class="segments" role="group" aria-label=${label}>
      ${options.map(
        (option) => html`<button key=${option.value} type="button" aria-pressed=${option.value === value ? "true" : "false"} onClick=${() => onChange(option.value)}>${option.label}</button>`,
      )}
    </div>
  </div>`;
