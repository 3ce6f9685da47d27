//! What the caller wants to be told on which channel.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_actors::Courier;
use belfry_domain::channel::Way;
use belfry_domain::preference::{Categories, Digest, Preferences, QuietHours, Ways};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, versioned};
use crate::http::input::{Body, given};
use crate::http::openapi::shape::{DigestShape, HoursShape, WayShape};
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Switches that are left out are as if nothing had ever been chosen.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaysIn {
    #[serde(default, deserialize_with = "given")]
    email: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    telegram: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    sms: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    push: Option<bool>,
}

impl WaysIn {
    fn over(self, default: Ways) -> Ways {
        Ways {
            email: self.email.unwrap_or(default.email),
            telegram: self.telegram.unwrap_or(default.telegram),
            sms: self.sms.unwrap_or(default.sms),
            push: self.push.unwrap_or(default.push),
        }
    }
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoriesIn {
    #[serde(default, deserialize_with = "given")]
    booking: Option<WaysIn>,
    #[serde(default, deserialize_with = "given")]
    reminder: Option<WaysIn>,
    #[serde(default, deserialize_with = "given")]
    review: Option<WaysIn>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferencesIn {
    #[serde(default, deserialize_with = "given")]
    channels: Option<WaysIn>,
    #[serde(default, deserialize_with = "given")]
    categories: Option<CategoriesIn>,
    #[schema(value_type = Option<HoursShape>)]
    quiet_hours: Option<QuietHours>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = DigestShape, required = false)]
    digest: Option<Digest>,
}

/// What a person chose. A way that is off in `channels` is off for every category. In the quiet hours, on their own
/// clock, messages are held; with a daily digest those about bookings and reviews are gathered into one message a
/// day. What is about the account itself, and the inbox, come regardless.
#[derive(Serialize, ToSchema)]
pub struct PreferencesOut {
    #[schema(value_type = Object)]
    channels: Ways,
    #[schema(value_type = Object)]
    categories: Categories,
    #[schema(value_type = Option<HoursShape>)]
    quiet_hours: Option<QuietHours>,
    #[schema(value_type = DigestShape, example = "off")]
    digest: Digest,
}

/// What the caller wants to be told on which channel.
#[utoipa::path(get, path = "/api/v1/me/preferences", tag = "Accounts",
    responses((status = 200, body = PreferencesOut)))]
pub async fn get(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    show(&app, &signed).await
}

async fn show(app: &App, signed: &Signed) -> Result<HttpResponse, Problem> {
    let (chosen, version) = app.world.store.preferences(signed.0.id).await?;
    let out = PreferencesOut {
        channels: chosen.channels,
        categories: chosen.categories,
        quiet_hours: chosen.quiet_hours,
        digest: chosen.digest,
    };
    Ok(versioned(version, &out))
}

/// Replaces what the caller wants to be told; what is left out goes back to its default. Mail about the
/// account itself is sent regardless.
#[utoipa::path(put, path = "/api/v1/me/preferences", tag = "Accounts",
    params(crate::http::etag::IfMatchHeader), request_body = PreferencesIn,
    responses((status = 200, body = PreferencesOut)))]
pub async fn put(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let input: PreferencesIn = body.read()?;
    let default = Preferences::default();
    let quiet_hours = input.quiet_hours.map(QuietHours::checked).transpose()?;
    let channels = |chosen: Option<WaysIn>, default| chosen.unwrap_or_default().over(default);
    let categories = input.categories.unwrap_or_default();
    let chosen = Preferences {
        channels: channels(input.channels, default.channels),
        categories: Categories {
            booking: channels(categories.booking, default.categories.booking),
            reminder: channels(categories.reminder, default.categories.reminder),
            review: channels(categories.review, default.categories.review),
        },
        quiet_hours,
        digest: input.digest.unwrap_or_default(),
    };
    let (user, now) = (signed.0.id, app.world.clock.now());
    let store = &app.world.store;
    if !store
        .put_preferences(user, &chosen, if_match.version(), now)
        .await?
    {
        return Err(Problem::new("stale"));
    }
    show(&app, &signed).await
}

/// Whether the caller can be told by a way, and what is missing where they cannot.
#[derive(Serialize, ToSchema)]
pub struct WayStateOut {
    #[schema(value_type = WayShape, example = "telegram")]
    way: Way,
    /// Whether the house sends anything by it.
    available: bool,
    /// Whether the caller has an address for it: a chat, a phone number, a device.
    connected: bool,
    /// Why nothing is sent although there is an address, such as `bounced`; `null` where something is.
    held: Option<String>,
}

/// By which ways the caller can be told at all, whatever they chose.
#[utoipa::path(get, path = "/api/v1/me/ways", tag = "Accounts",
    responses((status = 200, body = Page<WayStateOut>)))]
pub async fn ways(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let reach = app.world.store.reach_of(signed.0.id).await?;
    let items = Way::ALL.map(|way| {
        let sends = |courier: &Courier| courier.channel().way() == Some(way);
        let places: Vec<_> = reach
            .iter()
            .filter(|(channel, _)| channel.way() == Some(way))
            .collect();
        let open = places.iter().any(|(_, cause)| cause.is_none());
        let held = places.iter().find_map(|(_, cause)| cause.clone());
        WayStateOut {
            way,
            available: app.couriers.iter().any(sends),
            connected: !places.is_empty(),
            held: held.filter(|_| !open),
        }
    });
    Ok(HttpResponse::Ok().json(Page {
        items: items.into(),
        next: None,
    }))
}
