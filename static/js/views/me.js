// One's own profile, and for an expert what clients read about them.
import { useRef, useState } from "preact/hooks";
import { Problem, api } from "../api.js";
import { html } from "../html.js";
import { LOCALES, setLocale, t } from "../i18n.js";
import { useLoad } from "../load.js";
import { Avatar } from "../parts/avatar.js";
import { Download } from "../parts/download.js";
import { EraseMe } from "../parts/erase.js";
import { FeedCard } from "../parts/feed_card.js";
import { Field, FormError, phoneNumber, useForm } from "../parts/form.js";
import { Icon } from "../parts/icon.js";
import { NotificationChoices } from "../parts/notification_choices.js";
import { signOut } from "../parts/person_menu.js";
import { PushSwitch } from "../parts/push_switch.js";
import { SignInsCard } from "../parts/sign_ins.js";
import { Failed, Skeleton, explain } from "../parts/states.js";
import { TelegramCard } from "../parts/telegram_card.js";
import { ZoneField } from "../parts/zone.js";
import { attempt } from "../run.js";
import { user } from "../session.js";
import { chooseZone, say } from "../store.js";

/** @import { Expert, User } from "../types.js" */

const IMAGE_TYPES = ["image/png", "image/jpeg", "image/webp"];
const IMAGE_LIMIT = 2 * 1024 * 1024;

export default function Me() {
  const person = /** @type {User} */ (user.value);
  // Connecting a chat or a device changes by which ways something comes: the choices are read anew then.
  const [connected, setConnected] = useState(0);
  const reread = () => setConnected((times) => times + 1);
  return html`
    <header class="page-head"><h1>${t("me.title")}</h1></header>
    <div class="columns main-aside">
      <div class="stack">
        <${Profile} person=${person} />
        <${NotificationChoices} key=${`${connected} ${person.phone}`} person=${person} />
        ${person.role === "expert" && html`<${PublicProfile} id=${person.id} />`}
      </div>
      <div class="stack">
        <${Picture} person=${person} />
        <${FeedCard} />
        <${TelegramCard} onChange=${reread} />
        <${PushSwitch} onChange=${reread} />
        <${Account} person=${person} />
        ${person.role === "admin" && html`<${SignInsCard} />`}
        <${OwnData} />
      </div>
    </div>`;
}

/** @param {{person: User}} props */
function Profile({ person }) {
  const form = useForm({
    name: person.name,
    phone: person.phone ?? "",
    gender: person.gender ?? "",
    description: person.description,
    locale: person.locale,
    time_zone: person.time_zone,
  });
  const save = async () => {
    const { name, phone, gender, description, locale, time_zone } = form.values;
    user.value = await api.patch("/me", {
      name: name.trim(),
      phone: phoneNumber(phone) || null,
      gender: gender || null,
      description: description.trim(),
      locale,
      time_zone,
    });
    chooseZone(null);
    await setLocale(locale, { keep: true });
    say(t("me.saved"), { tone: "good" });
  };
  return html`<form class="card" onSubmit=${form.submit(save)} novalidate>
    <h2>${t("me.about_you")}</h2>
    <${Field} label=${t("auth.name")} autocomplete="name" maxlength="100" ...${form.bind("name")} />
    <div class="form-grid">
      <${Field} label=${t("auth.phone")} type="tel" autocomplete="tel" optional=${t("form.optional")} hint=${t("auth.phone_hint")} ...${form.bind("phone")} />
      <${Field} as="select" label=${t("me.gender")} optional=${t("form.optional")} ...${form.bind("gender")}>
        <option value="">${t("me.gender_none")}</option>
        ${["female", "male", "other"].map((one) => html`<option key=${one} value=${one}>${t(`gender.${one}`)}</option>`)}
      <//>
    </div>
    <${Field} as="textarea" rows="4" maxlength="2000" label=${t("me.description")} optional=${t("form.optional")} ...${form.bind("description")} />
    <div class="form-grid">
      <${Field} as="select" label=${t("nav.language")} ...${form.bind("locale")}>
        ${Object.entries(LOCALES).map(([tag, name]) => html`<option key=${tag} value=${tag} lang=${tag}>${name}</option>`)}
      <//>
      <${ZoneField} label=${t("zone.mine")} ...${form.bind("time_zone")} />
    </div>
    <${FormError} problem=${form.problem} known=${["/name", "/phone", "/gender", "/description", "/locale", "/time_zone"]} />
    <div class="actions"><button class="button primary" disabled=${form.busy}>${t("action.save")}</button></div>
  </form>`;
}

/** @param {{person: User}} props */
function Picture({ person }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [error, setError] = useState(/** @type {string | null} */ (null));
  const [busy, setBusy] = useState(false);
  const run = async (/** @type {() => Promise<void>} */ work) => {
    setBusy(true);
    setError(null);
    try {
      await work();
    } catch (reason) {
      setError(reason instanceof Problem && reason.status === 413 ? t("me.picture_large") : explain(reason));
    } finally {
      setBusy(false);
    }
  };
  const choose = (/** @type {any} */ event) => {
    const file = /** @type {File | undefined} */ (event.target.files?.[0]);
    event.target.value = "";
    if (!file) return;
    if (!IMAGE_TYPES.includes(file.type)) return setError(t("me.picture_type"));
    if (file.size > IMAGE_LIMIT) return setError(t("me.picture_large"));
    run(async () => {
      user.value = await api.put("/me/avatar", file);
    });
  };
  const remove = () =>
    run(async () => {
      await api.delete("/me/avatar");
      user.value = { ...person, avatar_url: null };
    });
  return html`<section class="card">
    <h2>${t("me.picture")}</h2>
    <div class="row">
      <${Avatar} name=${person.name} url=${person.avatar_url} size="l" />
      <div class="actions">
        <button class="button small" type="button" disabled=${busy} onClick=${() => input.current?.click()}>${t("me.picture_choose")}</button>
        ${person.avatar_url && html`<button class="button small" type="button" disabled=${busy} onClick=${remove}>${t("action.remove")}</button>`}
      </div>
    </div>
    <input ref=${input} class="sr-only" type="file" tabindex="-1" aria-label=${t("me.picture_choose")} accept=${IMAGE_TYPES.join(",")} onChange=${choose} />
    <p class="hint">${t("me.picture_hint")}</p>
    ${error && html`<p class="error" role="alert">${error}</p>`}
  </section>`;
}

/** @param {{person: User}} props */
function Account({ person }) {
  const leave = (/** @type {boolean} */ everywhere) => attempt(() => signOut({ everywhere }));
  return html`<section class="card">
    <h2>${t("me.account")}</h2>
    <p>${person.email}</p>
    <p class="hint">${t(person.email_verified ? "me.verified" : "me.unverified")}</p>
    <p class="hint">${t(`role.${person.role}`)}</p>
    <div class="action-list spaced">
      <button class="button" type="button" onClick=${() => leave(false)}><${Icon} name="out" size=${18} />${t("me.out_here")}</button>
      <button class="button quiet-danger" type="button" onClick=${() => leave(true)}>${t("me.out_everywhere")}</button>
    </div>
  </section>`;
}

/** What is kept about the reader: theirs to have, and to be rid of. */
const OwnData = () => html`<section class="card">
  <h2>${t("me.data")}</h2>
  <p class="hint">${t("me.data_hint")}</p>
  <div class="action-list spaced"><${Download} path="/me/export" name="belfry.json" label=${t("me.download")} /><${EraseMe} /></div>
</section>`;

/** @param {{id: string}} props */
function PublicProfile({ id }) {
  const page = useLoad(() => api.get(`/experts/${id}`), [id]);
  if (page.loading) return html`<${Skeleton} rows=${1} />`;
  if (page.error) return html`<${Failed} error=${page.error} retry=${page.retry} />`;
  return html`<${PublicForm} expert=${page.data} />`;
}

/** @param {{expert: Expert}} props */
function PublicForm({ expert }) {
  const form = useForm({ headline: expert.headline, description: expert.description, tags: expert.tags.join(", ") });
  const save = async () => {
    const { headline, description, tags } = form.values;
    await api.patch(`/experts/${expert.id}`, {
      headline: headline.trim(),
      description: description.trim(),
      tags: [...new Set(tags.split(",").map((tag) => tag.trim()).filter(Boolean))],
    });
    say(t("me.saved"), { tone: "good" });
  };
  return html`<form class="card" onSubmit=${form.submit(save)} novalidate>
    <h2>${t("me.public")}</h2>
    <${Field} label=${t("me.headline")} maxlength="120" ...${form.bind("headline")} />
    <${Field} as="textarea" rows="5" maxlength="2000" label=${t("expert.about")} ...${form.bind("description")} />
    <${Field} label=${t("experts.tags")} hint=${t("me.tags_hint")} ...${form.bind("tags")} />
    <${FormError} problem=${form.problem} known=${["/headline", "/description", "/tags"]} />
    <div class="actions"><button class="button primary" disabled=${form.busy}>${t("action.save")}</button><a href=${`/experts/${expert.id}`}>${t("me.see_public")}</a></div>
  </form>`;
}
