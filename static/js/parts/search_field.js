// Search while typing: the words go into the address once the fingers rest, and come back out of it.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { setQuery } from "../router.js";
import { Field } from "./form.js";

const TYPING_MS = 300;

/** @param {{value: string, label: string, [attribute: string]: any}} props value: as the address has it */
export function SearchField({ value, label, ...rest }) {
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  useEffect(() => {
    // Cleared by a button, or brought back by the browser's own.
    if (value === sent.current) return;
    sent.current = value;
    setTyped(value);
  }, [value]);
  const page = useRef(location.pathname);
  const search = () => {
    const text = typed.trim();
    // The words are this page's; whoever has left it for another one takes none of them along.
    if (text === sent.current || location.pathname !== page.current) return;
    sent.current = text;
    setQuery({ query: text });
  };
  useEffect(() => {
    const timer = setTimeout(search, TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  // Enter does not wait. Leaving the field does: it is left for a row of the list, which must not go from under a click.
  return html`<${Field} label=${label} type="search" maxlength="100" ...${rest} value=${typed} onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && search()} />`;
}
