// The link of the welcome mail.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Empty, Skeleton, explain } from "../parts/states.js";
import { user } from "../session.js";

/** @param {{query: URLSearchParams}} props */
export default function Verify({ query }) {
  const token = query.get("token") ?? "";
  const page = useLoad(async () => {
    await api.post("/auth/email/verify", { token }, { public: true });
    if (user.peek()) user.value = await api.get("/me");
    return true;
  }, [token]);
  return html`<div class="narrow">
    <h1 class="sr-only">${t("verify.title")}</h1>
    ${page.loading && html`<${Skeleton} rows=${1} />`}
    ${page.data && html`<${Empty} icon="check" title=${t("verify.done")} text=${t("verify.done_text")}><a class="button primary" href="/">${t("nav.find")}</a><//>`}
    ${page.error && html`<${Empty} icon="cross" title=${t("verify.failed")} text=${explain(page.error)}><a class="button" href="/me">${t("nav.me")}</a><//>`}
  </div>`;
}
