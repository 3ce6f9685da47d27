// Connecting one's Telegram chat: a link that opens the bot with a code, and the state as it changes.
import { useEffect, useState } from "preact/hooks";
import { api, now } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { useRun } from "../run.js";
import { say } from "../store.js";
import { Icon } from "./icon.js";
import { Failed, Skeleton } from "./states.js";
import { Ago } from "./time.js";

/** @import { TelegramChat, TelegramCode } from "../types.js" */

/** How often it is looked whether the code was used, in milliseconds. */
const LOOK = 2000;

/** @param {{onChange: () => void}} props onChange: the chat was connected, which switches Telegram on, or disconnected */
export function TelegramCard({ onChange }) {
  const page = useLoad(() => /** @type {Promise<TelegramChat>} */ (api.get("/me/telegram")), []);
  const [code, setCode] = useState(/** @type {TelegramCode | null} */ (null));
  const [busy, run] = useRun();
  const linked = page.data?.linked ?? false;

  useEffect(() => {
    if (!code) return;
    if (linked) {
      setCode(null);
      say(t("telegram.done"), { tone: "good" });
      onChange();
      return;
    }
    const timer = setInterval(() => {
      if (Date.parse(code.expires_at) <= now()) setCode(null);
      else page.refresh();
    }, LOOK);
    return () => clearInterval(timer);
  }, [code, linked]);

  if (page.loading) return html`<${Skeleton} rows=${1} />`;
  if (page.error) return html`<${Failed} error=${page.error} retry=${page.retry} />`;
  const chat = /** @type {TelegramChat} */ (page.data);
  if (!chat.available && !chat.linked) return null;

  const connect = () => run(async () => setCode(await api.post("/me/telegram")));
  const unlink = () =>
    run(async () => {
      await api.delete("/me/telegram");
      page.refresh();
      onChange();
    });

  return html`<section class="card" id="telegram" aria-live="polite">
    <h2>${t("telegram.title")}</h2>
    ${chat.linked
      ? html`<p class="row"><${Icon} name="check" size=${18} /><span>${chat.label ? t("telegram.linked_as", { name: chat.label }) : t("telegram.linked")}</span></p>
          ${chat.linked_at && html`<p class="hint"><${Ago} at=${chat.linked_at} /></p>`}
          <div class="actions"><button class="button small" type="button" disabled=${busy} onClick=${unlink}>${t("telegram.unlink")}</button></div>`
      : code
        ? html`<p>${t("telegram.open_hint")}</p>
            <div class="action-list spaced">
              <a class="button primary" href=${code.url} target="_blank" rel="noopener noreferrer">${t("telegram.open")}</a>
            </div>
            <p class="hint">${t("telegram.or_send")}</p>
            <pre tabindex="0" aria-label=${t("telegram.message")}>/start ${code.code}</pre>
            <p class="hint">${t("telegram.waiting")}</p>`
        : html`<p class="hint">${t("telegram.hint")}</p>
            <div class="actions"><button class="button" type="button" disabled=${busy} onClick=${connect}>${t("telegram.connect")}</button></div>`}
  </section>`;
}
