//! What administrators set for the house while it runs, what everybody may know of it, and what its operator
//! configured.

use actix_web::HttpResponse;
use actix_web::web::Data;
use belfry_domain::setting::HouseSettings;
use belfry_store::{audit, setting};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::config::{Origin, Settings};
use crate::http::App;
use crate::http::auth::Signed;
use crate::http::etag::{IfMatch, versioned};
use crate::http::input::{Body, Faults};
use crate::http::openapi::shape::HouseSettingsShape;
use crate::http::problem::Problem;
use crate::secret::MASK;

/// The house as everybody may know it.
#[derive(Serialize, ToSchema)]
pub struct HouseOut {
    name: String,
    /// Where people turn with a question: an address, a number, a page.
    contact: Option<String>,
    /// Whether people may open accounts by themselves.
    registration: bool,
    /// Whether people may book without an account.
    guest_bookings: bool,
}

/// What the operator configured; only another start with another configuration changes it.
#[derive(Serialize, ToSchema)]
pub struct ConfiguredOut {
    items: Vec<ConfiguredItem>,
}

/// One setting of the operator.
#[derive(Serialize, ToSchema)]
pub struct ConfiguredItem {
    /// Section and name, such as `scheduler.sweep`.
    name: String,
    /// The environment variable that sets it.
    variable: String,
    /// `null` for a secret, and where there is nothing.
    #[schema(value_type = Value)]
    value: Value,
    /// Whether it is something that nobody is shown.
    secret: bool,
    /// Whether there is anything.
    set: bool,
    /// Where the value comes from.
    origin: Origin,
}

/// Takes the members one by one, so that each is asked for.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsIn {
    name: String,
    #[serde(default)]
    contact: Option<String>,
    locale: String,
    time_zone: String,
    booking_rules: belfry_domain::booking_rules::BookingRules,
    reminder_offsets_minutes: Vec<u32>,
    registration: bool,
    guest_bookings: bool,
}

/// What the house is called and what anybody may do in it.
#[utoipa::path(get, path = "/api/v1/house", tag = "Accounts", responses((status = 200, body = HouseOut)), security(()))]
pub async fn house(app: Data<App>) -> Result<HttpResponse, Problem> {
    let settings = &app.world.settings.now().settings;
    Ok(HttpResponse::Ok().json(HouseOut {
        name: settings.name.clone(),
        contact: settings.contact.clone(),
        registration: settings.registration,
        guest_bookings: guests_may_book(&app),
    }))
}

/// Whether somebody may book without an account: administrators say so, as far as the operator lets them.
pub fn guests_may_book(app: &App) -> bool {
    app.settings.booking.guest_bookings > 0 && app.world.settings.now().settings.guest_bookings
}

/// What administrators have set; admins.
#[utoipa::path(get, path = "/api/v1/admin/settings", tag = "Administration",
    responses((status = 200, body = HouseSettingsShape)))]
pub async fn get(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let kept = app.world.settings.refresh(&app.world.store).await?;
    Ok(versioned(kept.version, &kept.settings))
}

/// Sets all of it; admins. It holds at once, on every node, for what is done from then on.
#[utoipa::path(put, path = "/api/v1/admin/settings", tag = "Administration",
    params(crate::http::etag::IfMatchHeader), request_body = HouseSettingsShape,
    responses((status = 200, body = HouseSettingsShape)))]
pub async fn put(
    app: Data<App>,
    signed: Signed,
    if_match: IfMatch,
    body: Body,
) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let input: SettingsIn = body.read()?;
    let store = &app.world.store;
    loop {
        let before = app.world.settings.refresh(store).await?;
        if_match.check(before.version)?;
        let wanted = checked(&app, &before.settings, input.clone())?;
        let mut tx = store.begin().await?;
        let kept = serde_json::to_value(&wanted).unwrap_or_default();
        let version = setting::put_house_settings(&mut tx, &kept, before.version).await?;
        // Somebody was faster in this moment, and may have set what this call was made for.
        let Some(version) = version else {
            tx.rollback().await?;
            continue;
        };
        let entry = signed.entry(
            app.world.clock.now(),
            "settings.changed",
            "settings".to_owned(),
            &before.settings,
            &wanted,
        );
        audit::append(&mut tx, &entry).await?;
        tx.commit().await?;
        app.world.settings.refresh(store).await?;
        app.supervisor.settings_edited();
        return Ok(versioned(version, &wanted));
    }
}

fn checked(app: &App, before: &HouseSettings, input: SettingsIn) -> Result<HouseSettings, Problem> {
    let mut faults = Faults::default();
    let zone = faults.take(belfry_domain::account::time_zone(
        "/time_zone",
        &input.time_zone,
    ));
    // What was on before the operator ruled it out may stay so: it is no obstacle to setting something else.
    let switched_on = input.guest_bookings && !before.guest_bookings;
    if switched_on && app.settings.booking.guest_bookings == 0 {
        let detail = "The operator of the house lets nobody book without an account.";
        faults.refuse("/guest_bookings", detail);
    }
    let wanted = HouseSettings {
        name: input.name,
        contact: input.contact,
        locale: input.locale,
        time_zone: zone.unwrap_or_default(),
        booking_rules: input.booking_rules,
        reminder_offsets_minutes: input.reminder_offsets_minutes,
        registration: input.registration,
        guest_bookings: input.guest_bookings,
    };
    let wanted = faults.take_all(wanted.checked());
    faults.check()?;
    wanted.ok_or_else(|| Problem::new("validation"))
}

/// What the operator of this node configured, and where; admins. Secrets are not shown.
#[utoipa::path(get, path = "/api/v1/admin/settings/configured", tag = "Administration",
    responses((status = 200, body = ConfiguredOut)))]
pub async fn configured(app: Data<App>, signed: Signed) -> Result<HttpResponse, Problem> {
    signed.admin()?;
    let mut items = Vec::new();
    let whole = serde_json::to_value(&*app.settings).unwrap_or_default();
    spread(&app.settings, String::new(), whole, &mut items);
    Ok(HttpResponse::Ok().json(ConfiguredOut { items }))
}

/// Every setting below `name`, one by one.
fn spread(settings: &Settings, name: String, value: Value, items: &mut Vec<ConfiguredItem>) {
    let value = match value {
        Value::Object(members) if !members.is_empty() => {
            for (member, inner) in members {
                let name = if name.is_empty() {
                    member
                } else {
                    format!("{name}.{member}")
                };
                spread(settings, name, inner, items);
            }
            return;
        }
        value => value,
    };
    let hidden = Value::from(MASK);
    let secret = value == hidden || matches!(&value, Value::Array(all) if all.contains(&hidden));
    let set = !matches!(&value, Value::Null)
        && value != ""
        && value.as_array().is_none_or(|all| !all.is_empty())
        && value.as_object().is_none_or(|all| !all.is_empty());
    items.push(ConfiguredItem {
        variable: format!("BELFRY_{}", name.replace('.', "__").to_uppercase()),
        value: if secret { Value::Null } else { value },
        secret,
        set,
        origin: settings.origin(&name),
        name,
    });
}
