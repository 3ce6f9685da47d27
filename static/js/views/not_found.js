import { html } from "../html.js";
import { t } from "../i18n.js";
import { Empty } from "../parts/states.js";

export default () => html`<${Empty} page icon="search" title=${t("not_found.title")} text=${t("not_found.text")}><a class="button primary" href="/">${t("not_found.home")}</a><//>`;
