//! The texts people receive, for administrators: which are in force, their own over the built-in ones, and how
//! they look.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use belfry_domain::field::FieldError;
use belfry_domain::id::UserId;
use belfry_domain::template::{Medium, Override, Templates};
use belfry_domain::{account, proof, text};
use belfry_store::audit;
use belfry_store::template::{self, Key, Version, Withdrawn};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, versioned};
use crate::http::input::{Body, Faults, Query, given};
use crate::http::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplateQuery {
    /// Only texts of this kind, such as `booking.created`.
    #[param(max_length = 60)]
    kind: Option<String>,
    /// Only texts of this channel: `inbox`, `email`, `sms`, `telegram` or `push`.
    #[param(max_length = 20)]
    channel: Option<String>,
    /// Only texts in this language.
    #[param(max_length = 35)]
    language: Option<String>,
}

/// Where the text in force comes from.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An administrator wrote it.
    Own,
    /// It came with the house.
    Builtin,
    /// The channel has none of its own; the inbox's words serve.
    Inbox,
    /// This language has none; the next closer one serves.
    Fallback,
}

/// Which texts there are.
#[derive(Serialize, ToSchema)]
pub struct TemplatesOut {
    items: Vec<TemplateOut>,
}

/// A text in force.
#[derive(Serialize, ToSchema)]
pub struct TemplateOut {
    kind: String,
    #[schema(value_type = String, example = "email")]
    channel: Medium,
    #[schema(example = "vi")]
    language: String,
    source: Source,
    /// 0 unless an administrator wrote it.
    version: i64,
    updated_at: Option<DateTime<Utc>>,
}

/// A text with everything that is known of it.
#[derive(Serialize, ToSchema)]
pub struct TemplateDetailOut {
    #[serde(flatten)]
    template: TemplateOut,
    /// Its parts, each a template in the language of Jinja. Empty where other words serve.
    sections: BTreeMap<String, String>,
    builtin: BTreeMap<String, String>,
    /// What a template of this kind may name.
    variables: Vec<String>,
    parts: Vec<SectionOut>,
    /// Newest first.
    history: Vec<VersionOut>,
}

/// One part of a text.
#[derive(Serialize, ToSchema)]
pub struct SectionOut {
    name: String,
    required: bool,
    /// Most characters of what comes out of it. A text message has 160 in the GSM alphabet, else 134.
    most: usize,
}

/// One version of an administrator's text.
#[derive(Serialize, ToSchema)]
pub struct VersionOut {
    version: i64,
    current: bool,
    sections: BTreeMap<String, String>,
    created_at: DateTime<Utc>,
    #[schema(value_type = Option<Uuid>)]
    created_by: Option<UserId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateIn {
    /// Every part by its name.
    sections: BTreeMap<String, String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewIn {
    /// Parts to look at without keeping them; what is in force when left out.
    #[serde(default, deserialize_with = "given")]
    sections: Option<BTreeMap<String, String>>,
}

/// How a text looks to some readers of made-up events.
#[derive(Serialize, ToSchema)]
pub struct PreviewOut {
    examples: Vec<ExampleOut>,
}

/// How a text looks to one reader.
#[derive(Serialize, ToSchema)]
pub struct ExampleOut {
    /// Who reads it and what happened, such as `client, pending`.
    scene: String,
    /// The subject of a mail, the title elsewhere; empty for a text message.
    title: String,
    text: String,
    /// Of mails alone.
    html: Option<String>,
}

impl From<Version> for VersionOut {
    fn from(version: Version) -> Self {
        Self {
            version: version.version,
            current: version.current,
            sections: version.sections,
            created_at: version.created_at,
            created_by: version.created_by,
        }
    }
}

/// Lists the texts of every kind, channel and language; admins.
#[utoipa::path(get, path = "/api/v1/admin/templates", tag = "Administration", params(TemplateQuery),
    responses((status = 200, body = TemplatesOut)))]
pub async fn list(
    app: Data<App>,
    signed: Signed,
    query: Query<TemplateQuery>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let query = query.0;
    let mut faults = Faults::default();
    for (pointer, asked, most) in [
        ("/kind", &query.kind, 60),
        ("/channel", &query.channel, 20),
        ("/language", &query.language, 35),
    ] {
        faults.take_some(asked.as_deref(), |name| {
            text::checked(pointer, name, 0, most, false)
        });
    }
    faults.check()?;
    let own = app.world.store.templates().await?;
    let mut keys: Vec<Key> = Templates::kinds()
        .into_iter()
        .flat_map(|kind| Medium::ALL.map(|medium| (kind, medium)))
        .flat_map(|(kind, medium)| {
            account::LANGUAGES.map(|language| Key {
                kind: kind.to_owned(),
                medium,
                language: language.to_owned(),
            })
        })
        .collect();
    for version in &own {
        if !keys.contains(&version.key) {
            keys.push(version.key.clone());
        }
    }
    let wanted = |asked: &Option<String>, value: &str| {
        asked
            .as_deref()
            .is_none_or(|asked| asked.eq_ignore_ascii_case(value))
    };
    keys.retain(|key| {
        wanted(&query.kind, &key.kind)
            && wanted(&query.channel, key.medium.as_str())
            && wanted(&query.language, &key.language)
    });
    let items = keys.into_iter().map(|key| {
        let current = own.iter().find(|version| version.key == key);
        shown(&key, current)
    });
    let items = items.collect();
    Ok(HttpResponse::Ok().json(TemplatesOut { items }))
}

/// One text with its history; admins.
#[utoipa::path(get, path = "/api/v1/admin/templates/{kind}/{channel}/{language}", tag = "Administration",
    params(("kind" = String, Path), ("channel" = String, Path), ("language" = String, Path)),
    responses((status = 200, body = TemplateDetailOut)))]
pub async fn get(
    app: Data<App>,
    signed: Signed,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    show(&app, &key_of(path)?).await
}

/// Puts an own text in the place of the built-in one, as a new version; admins. It is tried on readers of every
/// kind of event that it is for, and refused with the place of the fault if it does not suit one of them.
#[utoipa::path(put, path = "/api/v1/admin/templates/{kind}/{channel}/{language}", tag = "Administration",
    params(("kind" = String, Path), ("channel" = String, Path), ("language" = String, Path),
        crate::http::etag::IfMatchHeader),
    request_body = TemplateIn, responses((status = 200, body = TemplateDetailOut)))]
pub async fn put(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
    path: Path<(String, String, String)>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let key = key_of(path)?;
    let sections = body.read::<TemplateIn>()?.sections;
    prove(&key, &sections).await?;
    let now = app.world.clock.now();
    let mut tx = app.world.store.begin().await?;
    let expected = if_match.version();
    let put = template::put(&mut tx, &key, &sections, expected, signed.0.id, now).await?;
    let (version, before) = put.ok_or_else(|| Problem::new("stale"))?;
    let before =
        before.map(|before| json!({ "version": before.version, "sections": before.sections }));
    let entry = signed.entry(
        now,
        "template.written",
        subject(&key),
        json!(before),
        json!({ "version": version, "sections": sections }),
    );
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    show(&app, &key).await
}

/// Goes back to the built-in text; its history stays; admins.
#[utoipa::path(delete, path = "/api/v1/admin/templates/{kind}/{channel}/{language}", tag = "Administration",
    params(("kind" = String, Path), ("channel" = String, Path), ("language" = String, Path),
        crate::http::etag::IfMatchHeader),
    responses((status = 204)))]
pub async fn delete(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let key = key_of(path)?;
    let mut tx = app.world.store.begin().await?;
    let before = match template::withdraw(&mut tx, &key, if_match.version()).await? {
        Withdrawn::Done(before) => before,
        Withdrawn::Stale => return Err(Problem::new("stale")),
        Withdrawn::Missing => return Err(Problem::new("not-found")),
    };
    let entry = signed.entry(
        app.world.clock.now(),
        "template.withdrawn",
        subject(&key),
        json!({ "version": before.version, "sections": before.sections }),
        (),
    );
    audit::append(&mut tx, &entry).await?;
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Shows how a text looks to readers of made-up events, without keeping it; admins.
#[utoipa::path(post, path = "/api/v1/admin/templates/{kind}/{channel}/{language}/preview", tag = "Administration",
    params(("kind" = String, Path), ("channel" = String, Path), ("language" = String, Path)),
    request_body = PreviewIn, responses((status = 200, body = PreviewOut)))]
pub async fn preview(
    app: Data<App>,
    signed: Signed,
    path: Path<(String, String, String)>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let key = key_of(path)?;
    let given = body.read_or_empty::<PreviewIn>()?.sections;
    let mut own: Vec<Override> = app
        .world
        .store
        .templates()
        .await?
        .into_iter()
        .map(Into::into)
        .collect();
    if let Some(sections) = given {
        prove(&key, &sections).await?;
        own.retain(|own| {
            (&own.kind, own.medium, &own.language) != (&key.kind, key.medium, &key.language)
        });
        own.push(Override {
            kind: key.kind.clone(),
            medium: key.medium,
            language: key.language.clone(),
            sections,
        });
    }
    let made = actix_web::web::block(move || {
        let (templates, _) = Templates::with(own).map_err(|error| error.to_string())?;
        proof::examples(&templates, &key.kind, key.medium, &key.language)
            .map_err(|error| error.to_string())
    });
    let made = made
        .await
        .map_err(|error| error.to_string())
        .and_then(|made| made);
    let examples = made.map_err(|detail| {
        tracing::error!(detail, "a text that is in force cannot be shown");
        Problem::new("internal")
    })?;
    let examples = examples.into_iter().map(|example| ExampleOut {
        scene: example.scene,
        title: example.title,
        text: example.text,
        html: example.html,
    });
    let examples = examples.collect();
    Ok(HttpResponse::Ok().json(PreviewOut { examples }))
}

/// Refuses sections that do not suit every reader.
async fn prove(key: &Key, sections: &BTreeMap<String, String>) -> Result<(), Problem> {
    let (key, sections) = (key.clone(), sections.clone());
    let tried = actix_web::web::block(move || {
        proof::faults(&key.kind, key.medium, &key.language, &sections)
    });
    let faults: Vec<FieldError> = tried.await.map_err(|_| Problem::wait("unavailable", 1))?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Problem::fields(faults))
    }
}

/// The text that a path names; `not-found` when there can be none of that name.
fn key_of(path: Path<(String, String, String)>) -> Result<Key, Problem> {
    let (kind, channel, language) = path.into_inner();
    let missing = || Problem::new("not-found");
    let medium = channel.parse::<Medium>().map_err(|_| missing())?;
    let language = account::locale("", &language).map_err(|_| missing())?;
    if !Templates::kinds().contains(&kind.as_str()) {
        return Err(missing());
    }
    Ok(Key {
        kind,
        medium,
        language: proof::canonical(&language),
    })
}

fn subject(key: &Key) -> String {
    format!(
        "template/{}/{}/{}",
        key.kind,
        key.medium.as_str(),
        key.language
    )
}

fn shown(key: &Key, current: Option<&Version>) -> TemplateOut {
    let builtin = || !Templates::builtin_sections(&key.kind, key.medium, &key.language).is_empty();
    let source = match current {
        Some(_) => Source::Own,
        None if builtin() => Source::Builtin,
        None if account::LANGUAGES.contains(&key.language.as_str()) => Source::Inbox,
        None => Source::Fallback,
    };
    TemplateOut {
        kind: key.kind.clone(),
        channel: key.medium,
        language: key.language.clone(),
        source,
        version: current.map_or(0, |version| version.version),
        updated_at: current.map(|version| version.created_at),
    }
}

async fn show(app: &App, key: &Key) -> Result<HttpResponse, Problem> {
    let history = app.world.store.template_history(key).await?;
    let current = history.iter().find(|version| version.current);
    let template = shown(key, current);
    let builtin = Templates::builtin_sections(&key.kind, key.medium, &key.language);
    let sections = current.map_or_else(|| builtin.clone(), |current| current.sections.clone());
    let parts = key.medium.sections().iter().map(|section| SectionOut {
        name: section.name.to_owned(),
        required: section.required,
        most: section.most,
    });
    let version = template.version;
    let out = TemplateDetailOut {
        template,
        sections,
        builtin,
        variables: proof::variables(&key.kind),
        parts: parts.collect(),
        history: history.into_iter().map(VersionOut::from).collect(),
    };
    Ok(versioned(version, &out))
}
