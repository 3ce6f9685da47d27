//! Those whom a batch may tell: who they are, where each is reached, who looks on.

use std::collections::BTreeMap;

use belfry_domain::channel::Channel;
use belfry_domain::id::UserId;
use belfry_domain::notification::{Address, People, Recipient};
use const_format::formatcp;
use serde_json::Value;
use sqlx::FromRow;
use uuid::Uuid;

use super::Turn;
use crate::db::{Dialect, IdList};
use crate::preference::{self, PreferenceRow};
use crate::{Store, StoreError, versions};

/// Those who are concerned without being named in an event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Onlookers {
    /// By expert.
    pub managers: BTreeMap<UserId, Vec<UserId>>,
    /// By what they follow.
    pub followers: BTreeMap<Uuid, Vec<UserId>>,
    /// Asked for only where they are told something.
    pub administrators: Vec<UserId>,
}

/// Runs a query on the turn's own connection, or where it has none on one of the pool's.
macro_rules! fetch_in_turn {
    ($store:expr, $turn:expr, $query:expr) => {
        if let Some(tx) = &mut $turn.tx {
            on_tx!(tx, |c| $query.fetch_all(&mut *c).await?)
        } else {
            on_read!($store, |pool| $query.fetch_all(pool).await?)
        }
    };
}

impl Store {
    /// How often each book of the planner was edited, as the turn's claim saw it or later.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn versions_in(&self, turn: &mut Turn) -> Result<BTreeMap<String, i64>, StoreError> {
        let rows: Vec<(String, i64)> =
            fetch_in_turn!(self, turn, sqlx::query_as::<DB, _>(versions::ALL));
        Ok(rows.into_iter().collect())
    }

    /// The people with these ids, as far as they still exist, and where each can be reached.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recipients(&self, turn: &mut Turn, ids: &[UserId]) -> Result<People, StoreError> {
        let ids = || IdList(ids.iter().map(|id| id.uuid()).collect());
        let rows: Vec<RecipientRow> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!("{RECIPIENTS} {}", <DB as Dialect>::ID_IN_1))
                .bind(ids())
        );
        let addresses: Vec<AddressRow> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!("{ADDRESSES} {}", <DB as Dialect>::ID_IN_1))
                .bind(ids())
        );
        let people = rows.into_iter().map(RecipientRow::into_recipient);
        let mut people: People = people.map(|person| (person.id, person)).collect();
        for row in addresses {
            // A channel that this build does not know must not cost the person the others.
            if let (Some(person), Ok(channel)) =
                (people.get_mut(&row.user_id.into()), row.channel.parse())
            {
                person.addresses.push(Address {
                    channel,
                    address: row.address,
                    details: row.details,
                    suppressed: row.suppressed,
                });
            }
        }
        Ok(people)
    }

    /// Those who manage the branches of these experts, and those who follow what has these ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn onlookers(
        &self,
        turn: &mut Turn,
        experts: &[UserId],
        subjects: &[Uuid],
        administrators: bool,
    ) -> Result<Onlookers, StoreError> {
        let experts = || IdList(experts.iter().map(|id| id.uuid()).collect());
        let subjects = || IdList(subjects.to_vec());
        let managers: Vec<(Uuid, Uuid)> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT e.id, m.id FROM users m JOIN users e ON e.branch_id = m.branch_id
                 WHERE m.role = 'manager' AND e.id {} ORDER BY m.id",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(experts())
        );
        let followers: Vec<(Uuid, Uuid)> = fetch_in_turn!(
            self,
            turn,
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT subject_id, user_id FROM followers WHERE subject_id {} ORDER BY user_id",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(subjects())
        );
        let mut found = Onlookers::default();
        if administrators {
            let ids: Vec<(Uuid,)> = fetch_in_turn!(
                self,
                turn,
                sqlx::query_as::<DB, _>(
                    "SELECT id FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id"
                )
            );
            found.administrators = ids.into_iter().map(|(id,)| id.into()).collect();
        }
        for (expert, manager) in managers {
            let managers = found.managers.entry(expert.into()).or_default();
            managers.push(manager.into());
        }
        for (subject, follower) in followers {
            found
                .followers
                .entry(subject)
                .or_default()
                .push(follower.into());
        }
        Ok(found)
    }
}

const RECIPIENTS: &str = formatcp!(
    "SELECT u.id, u.name, COALESCE(u.guest_email, u.email) AS email, \
       u.guest_email IS NOT NULL AS guest, u.phone, u.locale, u.time_zone, u.disabled, \
       m.cause AS email_suppressed, s.cause AS phone_suppressed, {} \
     FROM users u LEFT JOIN preferences p ON p.user_id = u.id \
       LEFT JOIN suppressions m ON m.channel = 'email' AND m.address = COALESCE(u.guest_email, u.email) \
       LEFT JOIN suppressions s ON s.channel = 'sms' AND s.address = u.phone \
     WHERE u.erased_at IS NULL AND u.id",
    preference::COLUMNS
);

const ADDRESSES: &str = "SELECT a.user_id, a.channel, a.address, a.details, s.cause AS suppressed
     FROM addresses a LEFT JOIN suppressions s ON s.channel = a.channel AND s.address = a.address
     WHERE a.ended_at IS NULL AND a.user_id";

#[derive(FromRow)]
struct AddressRow {
    user_id: Uuid,
    channel: String,
    address: String,
    details: Value,
    suppressed: Option<String>,
}

#[derive(FromRow)]
struct RecipientRow {
    id: Uuid,
    name: String,
    email: String,
    phone: Option<String>,
    locale: String,
    time_zone: String,
    disabled: bool,
    guest: bool,
    email_suppressed: Option<String>,
    phone_suppressed: Option<String>,
    #[sqlx(flatten)]
    chosen: PreferenceRow,
}

impl RecipientRow {
    fn into_recipient(self) -> Recipient {
        let own = |channel, address, suppressed| Address {
            channel,
            address,
            details: Value::Null,
            suppressed,
        };
        let mut addresses = vec![own(
            Channel::Email,
            self.email.clone(),
            self.email_suppressed,
        )];
        let phone = self.phone;
        addresses.extend(phone.map(|phone| own(Channel::Sms, phone, self.phone_suppressed)));
        Recipient {
            addresses,
            id: self.id.into(),
            name: self.name,
            email: self.email,
            locale: self.locale,
            // A zone this build does not know must not cost the person the message.
            time_zone: self.time_zone.parse().unwrap_or_default(),
            disabled: self.disabled,
            guest: self.guest,
            preferences: self.chosen.into_preferences(),
        }
    }
}
