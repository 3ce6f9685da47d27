// Why a branch gave a booking to its expert: everybody who could have had it, with what spoke for and against each.
import { api } from "../api.js";
import { html } from "../html.js";
import { formatNumber, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Failed, Skeleton } from "./states.js";

/** @import { Assignment } from "../types.js" */

/** @param {number} value */
const signed = (value) => formatNumber(value, { signDisplay: "exceptZero", maximumFractionDigits: 2 });

/** @param {{id: string}} props the booking */
export function AssignmentCard({ id }) {
  // Nothing where the client chose.
  const page = useLoad(async () => /** @type {Assignment | null} */ (await api.get(`/bookings/${id}/assignment`)), [id]);
  if (page.loading) return html`<section class="card"><${Skeleton} rows=${2} /></section>`;
  if (page.error) return html`<section class="card"><${Failed} error=${page.error} retry=${page.retry} /></section>`;
  return page.data ? html`<${AssignmentFacts} found=${page.data} />` : null;
}

/** @param {{found: Assignment}} props */
export function AssignmentFacts({ found }) {
  return html`<section class="card" aria-labelledby="assignment">
    <h2 id="assignment">${t("assignment.title")}</h2>
    <p>${t("assignment.lead", { branch: found.branch.name, strategy: t(`branch_strategy.${found.strategy}`) })}${found.skill && ` ${t("assignment.skill", { skill: found.skill })}`}</p>
    ${found.attempt > 0 && html`<p class="soft">${t("assignment.attempt", { n: found.attempt })}${found.passed_on.length > 0 && ` ${found.passed_on.map((one) => one.name ?? t("assignment.gone")).join(", ")}`}</p>`}
    <ol class="candidates">
      ${found.candidates.map((one) => html`<li key=${one.expert_id} class=${one.expert_id === found.expert_id ? "chosen" : undefined}>
        <p class="row between"><span class="strong">${one.name ?? t("assignment.gone")}</span><span class="score">${signed(one.score)}</span></p>
        <p class="soft">${one.parts.filter((part) => part.value !== 0).map((part) => `${t(`assignment_part.${part.part}`)} ${signed(part.value)}`).join(" · ") || t("assignment.equal")}</p>
      </li>`)}
    </ol>
  </section>`;
}
