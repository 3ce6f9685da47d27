//! Addresses that mails lead to.

use belfry_domain::Instant;
use belfry_domain::id::{BookingId, UserId, VisitId};
use belfry_domain::notification::{Category, Links};

use crate::token::{Purpose, Tokens};

/// Links below the server's public address, signed where they open something.
pub struct PublicLinks {
    base: String,
    tokens: Tokens,
}

impl PublicLinks {
    /// Links that begin with `base`, such as `https://book.example.com`.
    pub fn new(base: &str, tokens: Tokens) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            tokens,
        }
    }
}

impl PublicLinks {
    /// The calendar behind a secret.
    pub fn feed(&self, secret: &str) -> String {
        format!("{}/calendar/{secret}.ics", self.base)
    }
}

impl Links for PublicLinks {
    fn booking(&self, booking: BookingId) -> String {
        format!("{}/bookings/{booking}", self.base)
    }

    fn guest_booking(&self, booking: BookingId, client: UserId) -> String {
        let token = self.tokens.booking(booking, client);
        format!("{}/b/{token}", self.base)
    }

    fn lookup(&self) -> String {
        format!("{}/lookup", self.base)
    }

    fn code(&self, guest: UserId, number: i64) -> String {
        self.tokens.code(guest, number)
    }

    fn inbox(&self) -> String {
        format!("{}/notifications", self.base)
    }

    fn waiting_list(&self) -> String {
        format!("{}/waiting", self.base)
    }

    fn visit(&self, visit: VisitId) -> String {
        format!("{}/visits/{visit}", self.base)
    }

    fn expert(&self, expert: UserId) -> String {
        format!("{}/experts/{expert}", self.base)
    }

    fn verify(&self, user: UserId, email: &str, now: Instant) -> String {
        let token = self
            .tokens
            .link(Purpose::Verify, user, Some(email), None, now);
        format!("{}/verify?token={token}", self.base)
    }

    fn reset(&self, user: UserId, auth_epoch: i64, now: Instant) -> String {
        let token = self
            .tokens
            .link(Purpose::Reset, user, None, Some(auth_epoch), now);
        format!("{}/reset?token={token}", self.base)
    }

    fn unsubscribe(&self, user: UserId, category: Category, now: Instant) -> String {
        let token = self.tokens.unsubscribe(user, category, now);
        format!("{}/unsubscribe/{token}", self.base)
    }
}
