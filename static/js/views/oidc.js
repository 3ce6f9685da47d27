// Where the provider sends people back to: takes what it gave along out of the address, and signs in with it.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { comeBack, leave, wanted } from "../oidc.js";
import { Empty, Skeleton, explain } from "../parts/states.js";
import { go, home } from "../router.js";
import { phase } from "../session.js";

/** @param {{path: string, query: URLSearchParams}} props */
export default function Oidc({ path, query }) {
  const [given] = useState(query);
  const [error, setError] = useState(/** @type {any} */ (null));
  const [busy, setBusy] = useState(false);
  // A session of before is resumed first, or it would take the place of the new one.
  const ready = phase.value === "ready";
  useEffect(() => {
    if (!ready) return;
    // Nobody comes back by this address twice, nor finds it in the history.
    go(path, { replace: true });
    if (!given.get("state")) return go("/login", { replace: true });
    const next = wanted();
    comeBack(given).then((session) => go(next ?? home(session.user.role), { replace: true }), setError);
  }, [ready]);
  const again = async () => {
    setBusy(true);
    try {
      await leave(wanted());
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  };
  return html`<div class="narrow">
    <h1 class="sr-only">${t("oidc.title")}</h1>
    ${!error && html`<${Skeleton} rows=${1} />`}
    ${error && html`<div role="alert"><${Empty} icon=${error.offline ? "offline" : "cross"} title=${error.body?.title ?? t("state.failed")} text=${explain(error)}>
      <button class="button primary" type="button" disabled=${busy} onClick=${again}>${t("oidc.again")}</button>
      <a class="button" href="/login">${t("oidc.password")}</a>
    <//></div>`}
  </div>`;
}
