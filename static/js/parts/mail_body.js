// A mail as its reader sees it, rebuilt from a short list of harmless elements inside a shadow root: no script, no
// remote image, no style sheet of the mail reaches this page, and the page's policy against inline code holds.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { Choice } from "./form.js";

const ELEMENTS = new Set("A ABBR B BLOCKQUOTE BR CENTER CODE DD DIV DL DT EM H1 H2 H3 H4 HR I LI OL P PRE S SMALL SPAN STRONG SUB SUP TABLE TBODY TD TH THEAD TR U UL".split(" "));
const SILENT = new Set(["SCRIPT", "STYLE", "HEAD", "TITLE", "TEMPLATE", "IFRAME", "OBJECT", "SVG", "MATH"]);
const ATTRIBUTES = ["align", "valign", "colspan", "rowspan", "width", "dir", "lang"];

/** @param {Node} from @param {Node} into */
function rebuild(from, into) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) into.appendChild(document.createTextNode(node.textContent ?? ""));
    if (!(node instanceof Element) || SILENT.has(node.tagName.toUpperCase())) continue;
    if (!ELEMENTS.has(node.tagName)) {
      rebuild(node, into);
      continue;
    }
    const made = document.createElement(node.tagName);
    for (const name of ATTRIBUTES) {
      const value = node.getAttribute(name);
      if (value !== null) made.setAttribute(name, value);
    }
    // A mail has its own order of headings; here they are only large words.
    if (/^H[1-4]$/.test(node.tagName)) made.setAttribute("role", "presentation");
    // Through the object model, because a style attribute would be inline code; what loads from elsewhere is dropped.
    const style = node.getAttribute("data-mail-style");
    if (style && !/url\(|position|@import/i.test(style)) made.style.cssText = style;
    const href = node.getAttribute("href") ?? "";
    if (made instanceof HTMLAnchorElement && /^(https?|mailto):/i.test(href)) {
      made.href = href;
      made.target = "_blank";
      made.rel = "noopener noreferrer";
    }
    rebuild(node, made);
    into.appendChild(made);
  }
}

/** @param {{text: string, html: string | null}} props */
export function MailBody({ text, html: source }) {
  const [face, setFace] = useState(source ? "html" : "text");
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (face !== "html" || !source || !ref.current) return;
    const root = ref.current.shadowRoot ?? ref.current.attachShadow({ mode: "open" });
    // The page's policy would complain of style sheets and attributes already while they are parsed.
    const inert = source.replace(/<style\b[\s\S]*?<\/style\s*>/gi, "").replace(/(<[^>]*?)\sstyle\s*=/gi, "$1 data-mail-style=");
    const parsed = new DOMParser().parseFromString(inert, "text/html");
    root.replaceChildren();
    rebuild(parsed.body, root);
  }, [face, source]);
  return html`<section class="mail">
    ${source && html`<${Choice} label=${t("outbox.view")} hidden value=${face} onChange=${setFace} options=${[{ value: "html", label: t("outbox.view_html") }, { value: "text", label: t("outbox.view_text") }]} />`}
    ${face === "html" ? html`<div class="mail-body" key="html" ref=${ref}></div>` : html`<pre class="mail-body" key="text" tabindex="0">${text}</pre>`}
  </section>`;
}
