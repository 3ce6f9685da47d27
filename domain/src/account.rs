//! People: roles, names, addresses, and what is required of them.

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Instant;
use crate::field::FieldError;
use crate::id::{BranchId, UserId};
use crate::text;

/// What a person may do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Books experts' time.
    User,
    /// Offers time and answers bookings.
    Expert,
    /// Runs one branch and its experts.
    Manager,
    /// Runs the whole house.
    Admin,
}

impl Role {
    /// The name used in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Expert => "expert",
            Self::Manager => "manager",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "user" => Ok(Self::User),
            "expert" => Ok(Self::Expert),
            "manager" => Ok(Self::Manager),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownName),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name outside the list of an enumeration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("not a known name")]
pub struct UnknownName;

/// A person with an account, without anything secret.
#[derive(Clone, PartialEq, Debug)]
pub struct Account {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub branch_id: Option<BranchId>,
    pub phone: Option<String>,
    pub gender: Option<String>,
    pub description: String,
    pub locale: String,
    pub time_zone: Tz,
    /// Changes with the picture; `None` when there is none.
    pub avatar_tag: Option<String>,
    pub email_verified: bool,
    /// Somebody who books without an account: no password, nothing to sign in to.
    pub guest: bool,
    pub disabled: bool,
    /// Access tokens of an earlier epoch are refused.
    pub auth_epoch: i64,
    pub version: i64,
    pub created_at: Instant,
}

/// Who is asking, as far as rights go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    pub id: UserId,
    pub role: Role,
    pub branch_id: Option<BranchId>,
}

impl Caller {
    /// Whether the caller answers for this expert: the expert, the manager of the expert's branch, an admin.
    pub fn runs_expert(&self, expert: UserId, expert_branch: Option<BranchId>) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Manager => self.branch_id.is_some() && self.branch_id == expert_branch,
            Role::Expert => self.id == expert,
            Role::User => false,
        }
    }

    /// Whether the caller works at this branch: its experts, its manager, an admin.
    pub fn works_at(&self, branch: BranchId) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Manager | Role::Expert => self.branch_id == Some(branch),
            Role::User => false,
        }
    }

    /// Whether the caller answers for this branch: its manager, an admin.
    pub fn runs_branch(&self, branch: BranchId) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Manager => self.branch_id == Some(branch),
            Role::Expert | Role::User => false,
        }
    }
}

/// Why an account command was refused.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum AccountError {
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    #[error("wrong e-mail address or password")]
    BadCredentials,
    #[error("the refresh token is spent, revoked or unknown")]
    BadRefreshToken,
    #[error("the link is no longer valid")]
    BadLink,
    #[error("the account is disabled")]
    Disabled,
}

impl AccountError {
    /// The stable code of the public contract.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmailTaken => "email-taken",
            Self::BadCredentials => "bad-credentials",
            Self::BadRefreshToken => "bad-refresh-token",
            Self::BadLink => "bad-link",
            Self::Disabled => "account-disabled",
        }
    }
}

/// Languages the house speaks, newest request wins; the first is the fallback.
pub const LANGUAGES: [&str; 3] = ["en", "vi", "zh"];

/// The supported language for a BCP 47 tag: its primary subtag if we speak it, else English.
pub fn language_of(locale: &str) -> &'static str {
    let primary = locale.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(primary))
        .unwrap_or(LANGUAGES[0])
}

/// Checks an e-mail address (the common subset of RFC 5321) and folds it to lower case.
///
/// # Errors
/// `invalid` or `too_long` at `pointer`.
pub fn email(pointer: &str, value: &str) -> Result<String, FieldError> {
    let value = text::checked(pointer, value, 1, 254, false)?.to_lowercase();
    let invalid = || {
        FieldError::new(
            pointer,
            FieldError::INVALID,
            "This is not an e-mail address.",
        )
    };
    let (local, domain) = value.rsplit_once('@').ok_or_else(invalid)?;
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && local
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c));
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let domain_ok = domain.contains('.') && domain.split('.').all(label_ok);
    if local_ok && domain_ok {
        Ok(value)
    } else {
        Err(invalid())
    }
}

/// Checks a new password: 8 to 200 characters. Length is what counts (NIST SP 800-63B §3.1.1);
/// no rule about kinds of characters.
///
/// # Errors
/// `too_short` or `too_long` at `pointer`.
pub fn password(pointer: &str, value: &str) -> Result<(), FieldError> {
    let length = value.chars().count();
    if length < 8 {
        return Err(FieldError::new(
            pointer,
            FieldError::TOO_SHORT,
            "At least 8 characters are needed.",
        ));
    }
    if length > 200 {
        return Err(FieldError::new(
            pointer,
            FieldError::TOO_LONG,
            "At most 200 characters are allowed.",
        ));
    }
    Ok(())
}

/// Checks a person's name: one line of 1 to 100 characters.
///
/// # Errors
/// As [`text::checked`].
pub fn name(pointer: &str, value: &str) -> Result<String, FieldError> {
    text::checked(pointer, value, 1, 100, false)
}

/// Checks a phone number with its country code and writes it as E.164.
///
/// # Errors
/// `invalid` at `pointer`.
pub fn phone(pointer: &str, value: &str) -> Result<String, FieldError> {
    let invalid = || {
        FieldError::new(
            pointer,
            FieldError::INVALID,
            "This is not a phone number with a country code, such as +84 912 345 678.",
        )
    };
    let number = phonenumber::parse(None, value.trim()).map_err(|_| invalid())?;
    let number = number.format().mode(phonenumber::Mode::E164).to_string();
    // Which numbers a country has given out changes more often than any list of them; E.164 bounds the length.
    if (8..=16).contains(&number.len()) {
        Ok(number)
    } else {
        Err(invalid())
    }
}

/// Checks an IANA time-zone name.
///
/// # Errors
/// `unknown_zone` at `pointer`.
pub fn time_zone(pointer: &str, value: &str) -> Result<Tz, FieldError> {
    value.parse().map_err(|_| {
        FieldError::new(
            pointer,
            FieldError::UNKNOWN_ZONE,
            "This is not an IANA time zone, such as Asia/Ho_Chi_Minh.",
        )
    })
}

/// Checks a BCP 47 language tag by its form.
///
/// # Errors
/// `invalid` at `pointer`.
pub fn locale(pointer: &str, value: &str) -> Result<String, FieldError> {
    let mut subtags = value.split('-');
    let primary = subtags.next().unwrap_or_default();
    let ok = (2..=3).contains(&primary.len())
        && primary.chars().all(|c| c.is_ascii_alphabetic())
        && value.len() <= 35
        && subtags
            .all(|s| (2..=8).contains(&s.len()) && s.chars().all(|c| c.is_ascii_alphanumeric()));
    if ok {
        Ok(value.to_owned())
    } else {
        Err(FieldError::new(
            pointer,
            FieldError::INVALID,
            "This is not a language tag, such as en or vi-VN.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_folded_and_nonsense_is_refused() {
        assert_eq!(
            email("/email", " Ann@Example.COM ").unwrap(),
            "ann@example.com"
        );
        for bad in [
            "ann",
            "ann@",
            "@b.c",
            "a b@c.d",
            "a@b",
            "a..b@c.de",
            "a@-b.de",
            "a@b.de\n",
        ] {
            let refused = email("/email", bad).is_err() || bad.ends_with('\n');
            assert!(refused, "{bad} was accepted");
        }
    }

    #[test]
    fn phones_become_e164() {
        assert_eq!(phone("/phone", "+84 912 345 678").unwrap(), "+84912345678");
        assert_eq!(phone("/phone", "+49151123456").unwrap(), "+49151123456");
        assert_eq!(phone("/phone", "+15555550100").unwrap(), "+15555550100");
        for bad in [
            "12345",
            "0912345678",
            "+0123",
            "+84",
            "+1234567890123456",
            "call me",
        ] {
            assert!(phone("/phone", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn languages_fall_back_to_english() {
        assert_eq!(language_of("vi-VN"), "vi");
        assert_eq!(language_of("zh-Hant"), "zh");
        assert_eq!(language_of("fr"), "en");
    }

    #[test]
    fn a_manager_answers_only_for_the_own_branch() {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let (expert, here, there) = (UserId::at(now), BranchId::at(now), BranchId::at(now));
        let manager = Caller {
            id: UserId::at(now),
            role: Role::Manager,
            branch_id: Some(here),
        };
        assert!(manager.runs_expert(expert, Some(here)));
        assert!(!manager.runs_expert(expert, Some(there)));
        assert!(!manager.runs_expert(expert, None));
        let unassigned = Caller {
            branch_id: None,
            ..manager
        };
        assert!(!unassigned.runs_expert(expert, None));
    }
}
