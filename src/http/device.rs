//! Devices: the apps and browsers in which somebody is told by push.

use std::str::FromStr;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use belfry_domain::account::{self, UnknownName};
use belfry_domain::channel::Channel;
use belfry_domain::field::FieldError;
use belfry_domain::id::{AddressId, UserId};
use belfry_domain::text;
use belfry_store::address::{self, Known, NewAddress};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::channel::{Forbidden, SubscriptionKeys};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::input::{Body, Faults, Id};
use crate::http::page::Page;
use crate::http::problem::Problem;

/// Longest address of a device, in characters.
const MOST_ADDRESS: usize = 2048;
/// Devices of one person; beyond them the one longest unseen is forgotten.
const MOST_DEVICES: i64 = 20;

/// What carries pushes to a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// An app, by its registration token of Firebase Cloud Messaging.
    FcmToken,
    /// An app, by its Firebase installation id.
    FcmFid,
    /// A browser, by the endpoint of its subscription.
    WebPush,
}

impl DeviceKind {
    fn channel(self) -> Channel {
        match self {
            Self::FcmToken | Self::FcmFid => Channel::Fcm,
            Self::WebPush => Channel::WebPush,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::FcmToken => "fcm_token",
            Self::FcmFid => "fcm_fid",
            Self::WebPush => "web_push",
        }
    }
}

impl FromStr for DeviceKind {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let mut all = [Self::FcmToken, Self::FcmFid, Self::WebPush].into_iter();
        all.find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceIn {
    kind: DeviceKind,
    /// The token, the installation id, or the subscription's endpoint.
    #[schema(min_length = 1, max_length = 2048)]
    address: String,
    /// The subscription's keys; with `web_push` alone, and always.
    keys: Option<KeysIn>,
    /// Which app it is.
    #[schema(max_length = 100)]
    app: Option<String>,
    /// What its owner calls it.
    #[schema(max_length = 100)]
    label: Option<String>,
    #[schema(example = "vi")]
    locale: Option<String>,
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeysIn {
    /// A point of P-256, not compressed, in base64url.
    p256dh: String,
    /// 16 bytes in base64url.
    auth: String,
}

/// A device that is told by push.
#[derive(Serialize, ToSchema)]
pub struct DeviceOut {
    #[schema(value_type = Uuid)]
    id: AddressId,
    kind: DeviceKind,
    address: String,
    label: String,
    app: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    created_at: DateTime<Utc>,
    /// When it was registered last; a device that is not for 270 days is forgotten.
    last_seen_at: DateTime<Utc>,
}

/// The server's half of web push.
#[derive(Serialize, ToSchema)]
pub struct PushKeyOut {
    /// `applicationServerKey` for a subscription; `null` where no pushes to browsers are sent.
    public_key: Option<String>,
}

impl From<Known> for DeviceOut {
    fn from(known: Known) -> Self {
        let said = |name: &str| known.details[name].as_str().map(str::to_owned);
        let usual = match known.channel {
            Channel::WebPush => DeviceKind::WebPush,
            _ => DeviceKind::FcmToken,
        };
        let kind = said("kind").and_then(|kind| kind.parse().ok());
        Self {
            id: known.id,
            kind: kind.unwrap_or(usual),
            app: said("app"),
            locale: said("locale"),
            time_zone: said("time_zone"),
            address: known.address,
            label: known.label,
            created_at: known.created_at,
            last_seen_at: known.last_seen_at,
        }
    }
}

/// A device as it was checked.
struct Device {
    kind: DeviceKind,
    address: String,
    label: String,
    details: Value,
}

/// Registers a device, or says that it is still there; one that was somebody else's becomes the caller's.
#[utoipa::path(post, path = "/api/v1/me/devices", tag = "Accounts", request_body = DeviceIn,
    responses((status = 201, body = DeviceOut), (status = 200, body = DeviceOut, description = "It was known.")))]
pub async fn register(app: Data<App>, signed: Signed, body: Body) -> Result<HttpResponse, Problem> {
    let device = checked(&app, body.read()?).await?;
    let (user, now) = (signed.0.id, app.world.clock.now());
    let new = NewAddress {
        user_id: user,
        channel: device.kind.channel(),
        address: &device.address,
        details: &device.details,
        label: &device.label,
    };
    let mut tx = app.world.store.begin().await?;
    let (id, is_new) = address::put(&mut tx, &new, now).await?;
    address::end_devices_beyond(&mut tx, user, MOST_DEVICES, now).await?;
    tx.commit().await?;
    let found = devices(&app, user).await?.find(|known| known.id == id);
    let out = DeviceOut::from(found.ok_or_else(|| Problem::new("conflict"))?);
    Ok(match is_new {
        true => HttpResponse::Created().json(out),
        false => HttpResponse::Ok().json(out),
    })
}

/// The devices on which the caller is told by push, oldest first.
#[utoipa::path(get, path = "/api/v1/me/devices", tag = "Accounts",
    responses((status = 200, body = Page<DeviceOut>)))]
pub async fn list(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    let items = devices(&app, signed.0.id).await?.map(DeviceOut::from);
    Ok(HttpResponse::Ok().json(Page {
        items: items.collect(),
        next: None,
    }))
}

/// Forgets a device of the caller's.
#[utoipa::path(delete, path = "/api/v1/me/devices/{id}", tag = "Accounts", params(("id" = Uuid, Path)),
    responses((status = 204)))]
pub async fn forget(
    app: Data<App>,
    signed: Signed,
    id: Id<AddressId>,
) -> Result<HttpResponse, Problem> {
    let (user, now) = (signed.0.id, app.world.clock.now());
    // A chat is no device, and is unlinked elsewhere.
    if !devices(&app, user).await?.any(|known| known.id == id.0) {
        return Err(Problem::new("not-found"));
    }
    let mut tx = app.world.store.begin().await?;
    if !address::end(&mut tx, user, id.0, "removed", now).await? {
        return Err(Problem::new("not-found"));
    }
    tx.commit().await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The key with which a browser subscribes.
#[utoipa::path(get, path = "/api/v1/push/key", tag = "Accounts", responses((status = 200, body = PushKeyOut)),
    security(()))]
pub async fn key(app: Data<App>, _: HttpRequest) -> HttpResponse {
    HttpResponse::Ok().json(PushKeyOut {
        public_key: app.outbound.web_key.clone(),
    })
}

async fn devices(app: &App, user: UserId) -> Result<impl Iterator<Item = Known>, Problem> {
    let known = app.world.store.addresses_of(user, None).await?;
    Ok(known.into_iter().filter(|known| known.channel.is_device()))
}

async fn checked(app: &App, input: DeviceIn) -> Result<Device, Problem> {
    let mut faults = Faults::default();
    let short = |pointer, text: Option<&str>| {
        text::checked(pointer, text.unwrap_or_default(), 0, 100, false)
    };
    let label = faults.take(short("/label", input.label.as_deref()));
    let name = faults.take(short("/app", input.app.as_deref()));
    let locale = faults.take_some(input.locale.as_deref(), |v| account::locale("/locale", v));
    let zone = faults.take_some(input.time_zone.as_deref(), |v| {
        account::time_zone("/time_zone", v)
    });
    faults.take(sends(app, input.kind));
    let address = faults.take(text::checked(
        "/address",
        &input.address,
        1,
        MOST_ADDRESS,
        false,
    ));
    let keys = faults.take(keys(input.kind, input.keys)).flatten();
    faults.check()?;
    let address = address.unwrap_or_default();
    if input.kind == DeviceKind::WebPush {
        let forbidden =
            |fault: Forbidden| Problem::field("/address", FieldError::INVALID, fault.to_string());
        let checked = app.outbound.guard.check_text(&address).await;
        checked.map_err(forbidden)?;
    } else if !address.chars().all(|c| c.is_ascii_graphic()) {
        let detail = "This is not a token.";
        return Err(Problem::field("/address", FieldError::INVALID, detail));
    }
    let mut details = json!({
        "kind": input.kind,
        "app": name.filter(|name| !name.is_empty()),
        "locale": locale,
        "time_zone": zone.map(|zone| zone.name().to_owned()),
    });
    if let Some(keys) = keys {
        details["p256dh"] = json!(keys.p256dh);
        details["auth"] = json!(keys.auth);
    }
    Ok(Device {
        kind: input.kind,
        address,
        label: label.unwrap_or_default(),
        details,
    })
}

/// A device that nothing would ever be sent to is not taken in.
fn sends(app: &App, kind: DeviceKind) -> Result<(), FieldError> {
    let sends = match kind.channel() {
        Channel::WebPush => app.outbound.web_key.is_some(),
        _ => app.outbound.fcm,
    };
    let detail = "This server sends no pushes of this kind.";
    sends
        .then_some(())
        .ok_or_else(|| FieldError::new("/kind", FieldError::INVALID, detail))
}

fn keys(kind: DeviceKind, keys: Option<KeysIn>) -> Result<Option<SubscriptionKeys>, FieldError> {
    match (kind, keys) {
        (DeviceKind::WebPush, Some(keys)) => {
            let keys = SubscriptionKeys {
                p256dh: keys.p256dh,
                auth: keys.auth,
            };
            let fault = |name| {
                let detail = "This is not a key of a subscription.";
                FieldError::new(format!("/keys/{name}"), FieldError::INVALID, detail)
            };
            keys.check().map_err(fault).map(|()| Some(keys))
        }
        (DeviceKind::WebPush, None) => {
            let detail = "This is required.";
            Err(FieldError::new("/keys", FieldError::REQUIRED, detail))
        }
        (_, Some(_)) => {
            let detail = "Only a subscription has keys.";
            Err(FieldError::new("/keys", FieldError::INVALID, detail))
        }
        (_, None) => Ok(None),
    }
}
