// One expert: who it is, what others say, and the times to choose from. The chosen slot is in the address, so that
// signing in on the way comes back to the same form.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad, usePages } from "../load.js";
import { Avatar } from "../parts/avatar.js";
import { BookForm } from "../parts/book_form.js";
import { GuestForm } from "../parts/guest_form.js";
import { Icon } from "../parts/icon.js";
import { SessionList } from "../parts/session_list.js";
import { SlotPicker } from "../parts/slot_picker.js";
import { Rating, Stars } from "../parts/stars.js";
import { Failed, More, Skeleton } from "../parts/states.js";
import { Presence } from "../parts/status.js";
import { Ago } from "../parts/time.js";
import { WaitForm } from "../parts/wait_form.js";
import { go, setQuery } from "../router.js";
import { user } from "../session.js";
import { zoneCity, zoneOffset } from "../time.js";

/** @import { Expert, Page, Review, Slot } from "../types.js" */

/** @param {{params: {id: string}, query: URLSearchParams, path: string}} props */
export default function ExpertPage({ params, query, path }) {
  const page = useLoad(() => api.get(`/experts/${params.id}`), [params.id]);
  if (page.loading) return html`<${Skeleton} kind="page" rows=${5} />`;
  if (page.error) return html`<${Failed} page error=${page.error} retry=${page.retry} />`;
  /** @type {Expert} */
  const expert = page.data;
  const offered = expert.booking_rules.minutes;
  const asked = Number(query.get("minutes"));
  const minutes = offered.includes(asked) ? asked : offered[0];
  const at = query.get("at");
  const startsAt = at && !Number.isNaN(Date.parse(at)) ? at : null;
  const pick = (/** @type {Slot} */ slot) => setQuery({ at: slot.starts_at, minutes: String(minutes) }, { push: !startsAt });
  const self = user.value?.id === expert.id;
  const waits = query.get("wait");
  const wait = (/** @type {string} */ date) => {
    // Whoever has to sign in first comes back to the same day.
    const next = new URLSearchParams({ ...Object.fromEntries(query), date, wait: date });
    if (user.value) setQuery({ wait: date });
    else go(`/login?next=${encodeURIComponent(`${path}?${next}`)}`);
  };
  return html`
    <header class="page-head profile">
      <${Avatar} name=${expert.name} url=${expert.avatar_url} size="l" />
      <div>
        <h1>${expert.name}</h1>
        <p class="soft">${expert.headline}</p>
        <p class="row wrap meta">
          <${Rating} rating=${expert.rating} count=${expert.review_count} />
          <${Presence} presence=${expert.presence} />
          <span class="soft row"><${Icon} name="globe" size=${16} />${zoneCity(expert.time_zone)} (${zoneOffset(expert.time_zone)})</span>
        </p>
      </div>
    </header>
    <section class="card book-card" aria-label=${t("expert.times")}>
      ${!startsAt && html`<h2>${t("expert.times")}</h2>
        ${self && html`<p class="notice">${t("expert.self")} <a href="/schedule">${t("nav.schedule")}</a></p>`}
        ${offered.length
          ? html`<${SlotPicker} expert=${expert} minutes=${minutes} date=${query.get("date")} onMinutes=${(/** @type {number} */ n) => setQuery({ minutes: String(n) })} onDate=${(/** @type {string} */ date) => setQuery({ date })} onPick=${pick} onWait=${self ? undefined : wait} />`
          : html`<p class="soft">${t("experts.no_free")}</p>`}`}
      ${startsAt && user.value && html`<${BookForm} key=${startsAt} expert=${expert} startsAt=${startsAt} minutes=${minutes} onBack=${() => setQuery({ at: null })} onPick=${pick} />`}
      ${startsAt && !user.value && html`<${GuestForm} key=${startsAt} expert=${expert} startsAt=${startsAt} minutes=${minutes} next=${`${path}?${query}`} onBack=${() => setQuery({ at: null })} onPick=${pick} />`}
    </section>
    ${waits && user.value && !self && html`<${WaitForm} expert=${expert} minutes=${minutes} date=${waits} onClose=${() => setQuery({ wait: null })} />`}
    <${SessionList} expert=${expert} chosen=${query.get("session")} self=${self} next=${`${path}?${query}`} />
    <div class="columns">
      ${expert.description && html`<section><h2>${t("expert.about")}</h2><p class="prose">${expert.description}</p>
        ${expert.tags.length > 0 && html`<p class="tags">${expert.tags.map((tag) => html`<a class="tag" key=${tag} href=${`/?tag=${encodeURIComponent(tag)}`}>${tag}</a>`)}</p>`}
      </section>`}
      <${Reviews} expert=${expert} />
    </div>`;
}

/** @param {{expert: Expert}} props */
function Reviews({ expert }) {
  const pages = usePages((after, limit) => /** @type {Promise<Page<Review>>} */ (api.get(`/experts/${expert.id}/reviews`, { after, limit })), [expert.id], 5);
  return html`<section>
    <h2>${t("expert.reviews")}</h2>
    ${pages.loading && html`<${Skeleton} rows=${3} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<p class="soft">${t("expert.no_reviews")}</p>`}
    <ul class="reviews">
      ${pages.items.map((review) => html`<li key=${review.id}>
        <p class="row wrap"><${Stars} stars=${review.stars} /><strong>${review.client_name}</strong><span class="soft"><${Ago} at=${review.created_at} /></span></p>
        ${review.text && html`<p class="prose">${review.text}</p>`}
      </li>`)}
    </ul>
    <${More} pages=${pages} />
  </section>`;
}
