//! Push: devices, and what reaches them (C5.2).

use belfry::config::Settings;
use belfry_actors::Outgoing;
use belfry_domain::Instant;
use belfry_domain::delivery::Content;
use belfry_domain::id::DeliveryId;
use serde_json::{Value, json};

/// Browsers, from the booking to the screen.
mod browser;
/// The devices of a person.
mod device;
/// What becomes of messages and devices, code by code.
mod fate;
/// Apps, through Firebase Cloud Messaging.
mod fcm;

/// Settings under which browsers on this machine can be reached.
fn here(settings: &mut Settings) {
    settings.push.web.subject = "mailto:ops@belfry.test".to_owned();
    settings.push.web.services = vec!["127.0.0.1".to_owned()];
    settings.outbound.allow_loopback = true;
}

/// A message to a device.
fn message(address: &str, details: Value) -> Outgoing {
    let at: Instant = "2027-03-01T12:00:00Z".parse().unwrap();
    Outgoing {
        id: DeliveryId::at(at),
        attempt: 1,
        kind: "booking.created".to_owned(),
        address: address.to_owned(),
        subject: "Đặt lịch mới".to_owned(),
        content: Content {
            text: "Thứ Ba, 10:00".to_owned(),
            language: "vi".to_owned(),
            url: Some("https://belfry.test/bookings/1".to_owned()),
            data: json!({ "booking_id": "1", "code": "BLF-1", "reason": null, "minutes": 60 }),
            details,
            ..Content::default()
        },
        at,
    }
}
