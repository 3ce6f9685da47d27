//! Those who read the made-up events, and the pages of no house that they are led to.

use chrono_tz::Tz;

use crate::Instant;
use crate::id::{BookingId, UserId, VisitId};
use crate::notification::{Category, Links, People, Recipient};
use crate::preference::Preferences;

/// Somebody who is neither the client nor the expert.
pub(super) fn onlooker() -> UserId {
    uuid::Uuid::from_u128(4).into()
}

/// The people of the made-up events, who all read this language.
pub(super) fn people(language: &str) -> People {
    let ids = [1, 2, 3].map(|id| UserId::from(uuid::Uuid::from_u128(id)));
    let ids = ids.into_iter().chain([onlooker()]);
    ids.map(|id| {
        let recipient = Recipient {
            id,
            name: "Ann Lee".to_owned(),
            email: "ann@example.com".to_owned(),
            locale: language.to_owned(),
            time_zone: Tz::Asia__Ho_Chi_Minh,
            disabled: false,
            guest: false,
            preferences: Preferences::default(),
            addresses: Vec::new(),
        };
        (id, recipient)
    })
    .collect()
}

/// Pages of no house.
pub(super) struct Pages;

impl Links for Pages {
    fn booking(&self, booking: BookingId) -> String {
        format!("https://belfry.example/bookings/{booking}")
    }
    fn guest_booking(&self, booking: BookingId, client: UserId) -> String {
        format!("https://belfry.example/b/{booking}.{client}")
    }
    fn lookup(&self) -> String {
        "https://belfry.example/lookup".to_owned()
    }
    fn code(&self, _: UserId, number: i64) -> String {
        format!("{number:08}")
    }
    fn inbox(&self) -> String {
        "https://belfry.example/notifications".to_owned()
    }
    fn waiting_list(&self) -> String {
        "https://belfry.example/waiting".to_owned()
    }
    fn visit(&self, visit: VisitId) -> String {
        format!("https://belfry.example/visits/{visit}")
    }
    fn expert(&self, expert: UserId) -> String {
        format!("https://belfry.example/experts/{expert}")
    }
    fn verify(&self, _: UserId, _: &str, _: Instant) -> String {
        "https://belfry.example/verify?token=example".to_owned()
    }
    fn reset(&self, _: UserId, _: i64, _: Instant) -> String {
        "https://belfry.example/reset?token=example".to_owned()
    }
    fn unsubscribe(&self, _: UserId, _: Category, _: Instant) -> String {
        "https://belfry.example/unsubscribe/example".to_owned()
    }
}
