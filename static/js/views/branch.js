// One branch: where it is, when it is open, and the times at which somebody there is free. Who that is, the house
// decides. The chosen slot is in the address, so that signing in on the way comes back to the same form.
import { useEffect } from "preact/hooks";
import { api } from "../api.js";
import { asHost, runs } from "../branch.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad } from "../load.js";
import { BookForm } from "../parts/book_form.js";
import { BranchHours } from "../parts/branch_hours.js";
import { ComeNow } from "../parts/come_now.js";
import { Field } from "../parts/form.js";
import { GuestForm } from "../parts/guest_form.js";
import { Icon } from "../parts/icon.js";
import { SlotPicker } from "../parts/slot_picker.js";
import { Rating } from "../parts/stars.js";
import { Failed, Skeleton } from "../parts/states.js";
import { Presence } from "../parts/status.js";
import { worksAt } from "../queue.js";
import { setQuery } from "../router.js";
import { user } from "../session.js";
import { onResync, onTopic } from "../socket.js";
import { zoneCity, zoneOffset } from "../time.js";

/** @import { Branch, Expert, Slot } from "../types.js" */

/** @param {{params: {id: string}, query: URLSearchParams, path: string}} props */
export default function BranchPage({ params: { id }, query, path }) {
  const page = useLoad(async () => /** @type {Branch} */ (await api.get(`/branches/${id}`)), [id]);
  const people = useLoad(async () => /** @type {Expert[]} */ ((await api.get("/experts", { branch_id: id, limit: 100 })).items), [id]);
  useEffect(() => {
    const both = () => [people, page].forEach((one) => one.refresh());
    const stops = [onTopic(`branch:${id}:presence`, people.refresh), onTopic(`branch:${id}:slots`, page.refresh), onResync(both)];
    return () => stops.forEach((stop) => stop());
  }, [id, people.refresh, page.refresh]);
  if (page.loading) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (page.error || !page.data) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;
  const branch = page.data;
  const skills = [...new Set((people.data ?? []).flatMap((expert) => expert.tags))].sort();
  const asked = query.get("skill");
  const host = asHost(branch, asked && skills.includes(asked) ? asked : null);
  const minutes = branch.settings.default_minutes;
  const at = query.get("at");
  const startsAt = at && !Number.isNaN(Date.parse(at)) ? at : null;
  const pick = (/** @type {Slot} */ slot) => setQuery({ at: slot.starts_at }, { push: !startsAt });
  const me = user.value;
  const form = { expert: host, startsAt: startsAt ?? "", minutes, onBack: () => setQuery({ at: null }), onPick: pick };
  return html`
    <header class="page-head row wrap between">
      <div class="grow">
        <h1>${branch.name}</h1>
        <p class="row wrap meta">
          <${Rating} rating=${branch.rating} count=${branch.review_count} />
          <span class="soft row"><${Icon} name="globe" size=${16} />${zoneCity(branch.time_zone)} (${zoneOffset(branch.time_zone)})</span>
          ${!branch.active && html`<span class="badge cancelled">${t("branch.inactive")}</span>`}
        </p>
      </div>
      ${worksAt(id) && html`<a class="button" href=${`/branches/${id}/desk`}><${Icon} name="desk" size=${18} />${t("desk.title")}</a><a class="button" href=${`/branches/${id}/board`} target="_blank"><${Icon} name="system" size=${18} />${t("board.title")}</a>`}
      ${runs(id) && html`<a class="button" href=${`/branches/${id}/day`}><${Icon} name="calendar" size=${18} />${t("day.title")}</a>
      <a class="button" href=${`/branches/${id}/statistics`}><${Icon} name="week" size=${18} />${t("statistics.title")}</a>
      <a class="button" href=${`/branches/${id}/edit`}><${Icon} name="edit" size=${18} />${t("branch.edit")}</a>`}
    </header>
    ${!startsAt && html`<${ComeNow} branch=${branch} skill=${host.skill} next=${`${path}?${query}`} />`}
    <section class="card book-card" aria-label=${t("expert.times")}>
      ${!startsAt && html`<h2>${t("expert.times")}</h2>
        <p class="soft">${t("branch.anybody")}</p>
        <${SlotPicker} expert=${host} minutes=${minutes} date=${query.get("date")} onMinutes=${() => {}} onDate=${(/** @type {string} */ date) => setQuery({ date })} onPick=${pick}>
          ${skills.length > 0 && html`<${Field} as="select" label=${t("branch.skill")} value=${host.skill ?? ""} onChange=${(/** @type {any} */ event) => setQuery({ skill: event.target.value })}>
            <option value="">${t("branch.any_skill")}</option>${skills.map((skill) => html`<option key=${skill} value=${skill}>${skill}</option>`)}
          <//>`}
        <//>`}
      ${startsAt && me && html`<${BookForm} key=${startsAt} ...${form} />`}
      ${startsAt && !me && html`<${GuestForm} key=${startsAt} ...${form} next=${`${path}?${query}`} />`}
    </section>
    <div class="columns">
      <div class="stack">
        <section aria-labelledby="branch-place">
          <h2 id="branch-place">${t("branch.place")}</h2>
          <p class="row"><${Icon} name="pin" size=${18} /><span class="prose">${branch.address || t("branch.no_address")}</span></p>
          ${branch.phone && html`<p><a href=${`tel:${branch.phone}`}>${branch.phone}</a></p>`}
        </section>
        <${BranchHours} branch=${branch} />
      </div>
      <section aria-labelledby="branch-people">
        <h2 id="branch-people">${t("branch.people")}</h2>
        ${people.loading && html`<${Skeleton} rows=${3} />`}
        ${people.error && html`<${Failed} error=${people.error} retry=${people.retry} />`}
        ${people.data?.length === 0 && html`<p class="soft">${t("branch.nobody")}</p>`}
        <ul class="plain-list">${(people.data ?? []).map((expert) => html`<li class="row between" key=${expert.id}><span><a href=${`/experts/${expert.id}`}>${expert.name}</a>${expert.headline && html`<br /><span class="soft">${expert.headline}</span>`}</span><${Presence} presence=${expert.presence} /></li>`)}</ul>
      </section>
    </div>`;
}
