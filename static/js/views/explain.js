// Why somebody was told of something, or was not: find what happened, choose a person, read the whole trace.
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n.js";
import { useLoad, usePages } from "../load.js";
import { about, eventWords, named } from "../event.js";
import { EVENT_TYPES } from "../rule.js";
import { Field } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { Empty, Failed, More, Skeleton } from "../parts/states.js";
import { When } from "../parts/time.js";
import { DecisionCard, Sent, spoken } from "../parts/trace.js";
import { setQuery } from "../router.js";

/** @import { Booking, ExplainedDelivery, Explanation, Happening, Page } from "../types.js" */

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** @param {{query: URLSearchParams}} props */
export default function Explain({ query }) {
  const event = query.get("event");
  const user = query.get("user");
  return event && user ? html`<${Trace} key=${`${event} ${user}`} event=${event} user=${user} />` : html`<${Search} query=${query} />`;
}

/** What an event's subject is, from what somebody typed: a booking's code or id, or the subject itself. @param {string} typed */
async function subjectOf(typed) {
  if (!typed || typed.includes("/")) return typed;
  if (UUID.test(typed)) return `booking/${typed.toLowerCase()}`;
  const found = /** @type {Page<Booking>} */ (await api.get("/bookings", { query: typed, limit: 10 }));
  const booking = found.items.find((one) => one.code === typed);
  return booking ? `booking/${booking.id}` : null;
}

/** @param {{query: URLSearchParams}} props */
function Search({ query }) {
  const type = query.get("type") ?? "";
  const subject = query.get("subject") ?? "";
  const [typed, setTyped] = useState(subject);
  useEffect(() => setTyped(subject), [subject]);
  const pages = usePages(
    async (after, limit) => {
      const wanted = await subjectOf(subject);
      if (wanted === null) return { items: [], next: null };
      return /** @type {Promise<Page<Happening>>} */ (api.get("/admin/events", { type, subject: wanted, after, limit }));
    },
    [type, subject],
  );
  const look = (/** @type {Event} */ happened) => {
    happened.preventDefault();
    setQuery({ subject: typed.trim() });
  };
  return html`
    <header class="page-head"><h1>${t("explain.title")}</h1><p class="soft">${t("explain.lead")}</p></header>
    <form class="filters" role="search" aria-label=${t("explain.search")} onSubmit=${look}>
      <${Field} label=${t("explain.subject")} type="search" value=${typed} maxlength="100" onInput=${(/** @type {any} */ input) => setTyped(input.target.value)} onChange=${look} />
      <${Field} as="select" label=${t("rules.on")} value=${type} onChange=${(/** @type {any} */ input) => setQuery({ type: input.target.value })}>
        <option value="">${t("bookings.any_status")}</option>${EVENT_TYPES.map((one) => html`<option key=${one} value=${one}>${eventWords(one)}</option>`)}
      <//>
      <button class="button">${t("explain.look")}</button>
    </form>
    ${pages.loading && html`<${Skeleton} rows=${6} />`}
    ${pages.error && !pages.items.length && html`<${Failed} error=${pages.error} retry=${pages.retry} />`}
    ${!pages.loading && !pages.error && !pages.items.length && html`<${Empty} icon="search" title=${t("explain.none")} text=${t("explain.none_text")} />`}
    ${pages.items.length > 0 && html`<ul class="table">
      ${pages.items.map((one) => html`<li key=${one.id} class="table-row">
        <div class="grow"><p class="strong">${eventWords(one.type)}</p><p class="soft">${about(one)}</p>${one.fault && html`<p class="error">${one.fault}</p>`}</div>
        <p class="soft hint"><${When} at=${one.time} /></p>
        <div class="actions">
          ${named(one).map((person) => html`<button key=${person.id} class="button small" type="button" onClick=${() => setQuery({ event: one.id, user: person.id }, { push: true })}>
            <span class="sr-only">${t("explain.why_for")}</span> ${person.name || t(`audience.${person.side}`)}</button>`)}
        </div>
      </li>`)}
    </ul><${More} pages=${pages} />`}`;
}

/** @param {{event: string, user: string}} props */
function Trace({ event: id, user }) {
  const page = useLoad(() => api.get("/admin/explain", { event_id: id, user_id: user }), [id, user]);
  const back = html`<p><a class="back" href="/admin/explain" onClick=${(/** @type {Event} */ click) => (click.preventDefault(), setQuery({ event: null, user: null }))}><${Icon} name="left" size=${18} />${t("explain.back")}</a></p>`;
  if (page.loading) return html`${back}<${Skeleton} kind="page" rows=${4} />`;
  if (page.error || !page.data) return html`${back}<${Failed} page error=${page.error} retry=${page.retry} />`;
  const found = /** @type {Explanation} */ (page.data);
  const { event, decisions, silent, gathered } = found;
  const booking = event.data?.booking_id;
  const of = (/** @type {string} */ rule) => found.deliveries.filter((one) => one.rule_id === rule);
  const rest = found.deliveries.filter((one) => !decisions.some((made) => one.rule_id === made.rule_id));
  return html`
    <header class="page-head">
      ${back}
      <h1>${t("explain.what_for", { what: eventWords(event.type), name: found.user.name })}</h1>
      <p class="soft">${about(event)} · <${When} at=${event.time} />${booking && html` · <a href=${`/bookings/${booking}`}>${t("explain.booking")}</a>`}</p>
      <div class="row wrap">${named(event).filter((one) => one.id !== user).map((one) => html`<button key=${one.id} class="chip" type="button" onClick=${() => setQuery({ user: one.id })}>${t("explain.other", { name: one.name || t(`audience.${one.side}`) })}</button>`)}</div>
    </header>
    <p class="verdict">${summary(found)}</p>
    ${event.fault && html`<p class="notice bad">${t("explain.fault")} ${event.fault}</p>`}
    ${!event.planned_at && !event.fault && html`<p class="notice pending">${t("explain.waiting")}</p>`}
    <div class="stack">
      ${decisions.length > 0 && html`<h2>${t("explain.decided")}</h2>`}
      ${decisions.map((made) => html`<${DecisionCard} key=${made.rule_id} linked made=${made} entries=${found.entries.filter((one) => one.rule_id === made.rule_id)} deliveries=${of(made.rule_id)} />`)}
      ${gathered.length > 0 && html`<section class="card"><h2>${t("explain.gathered")}</h2><ul class="plain-list">${gathered.map((one, i) => html`<li key=${i}><strong>${spoken(t(`way.${one.way}`), one.way)}</strong> · ${one.left_at ? html`${t("explain.left")} <${When} at=${one.left_at} />` : html`${t("explain.leaves")} <${When} at=${one.leaves_at} />`}</li>`)}</ul></section>`}
      ${rest.length > 0 && html`<section class="card"><h2>${t("explain.other_messages")}</h2>${rest.map((one) => html`<${Sent} key=${one.id} delivery=${one} />`)}</section>`}
      ${silent.length > 0 && html`<section class="card"><h2>${t("explain.silent")}</h2><ul class="plain-list">
        ${silent.map((one) => html`<li key=${one.rule_id}><a href=${`/admin/rules/${one.rule_id}`}>${one.rule_id}</a> <span class="soft">${t(`silent.${one.reason}`)}</span></li>`)}
      </ul></section>`}
    </div>`;
}

/** The end of the story in one sentence. @param {Explanation} found */
function summary({ event, deliveries, decisions, entries, gathered, user }) {
  const count = (/** @type {string[]} */ ...states) => deliveries.filter((one) => states.includes(one.status)).length;
  if (!event.planned_at) return t("explain.sum_waiting", { name: user.name });
  if (count("sent", "kept")) return t("explain.sum_sent", { name: user.name, n: count("sent", "kept") });
  if (count("pending", "sending", "retrying")) return t("explain.sum_way", { name: user.name });
  if (count("ambiguous")) return t("explain.sum_unclear", { name: user.name });
  if (count("dead")) return t("explain.sum_dead", { name: user.name });
  if (gathered.length) return t("explain.sum_gathered", { name: user.name });
  if (entries.length || decisions.some((made) => made.inbox)) return t("explain.sum_inbox", { name: user.name });
  return t("explain.sum_nothing", { name: user.name });
}
