//! Signing in through an OpenID Connect provider: who is let in as which account (C1.7).
//!
//! An account is found by the provider's own name for the person, which is never given to anybody else. An e-mail
//! address finds one only the first time, and only an administrator's: a provider may give the address of somebody who
//! left to somebody else, and anybody can open an account here with any address. So both sides must have proved
//! it, and an account that the provider knows as somebody already is nobody else's. Nobody's role is changed: whoever had
//! the address before may still know the password.

use crate::account::{Account, Role};

/// Who a provider says has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub issuer: String,
    /// The provider's own name for the person.
    pub subject: String,
    /// In lower case, and only if the provider has proved it.
    pub email: Option<String>,
    pub name: Option<String>,
    pub groups: Vec<String>,
}

/// Whom the settings name as administrators.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Admins {
    pub groups: Vec<String>,
    /// In lower case.
    pub emails: Vec<String>,
}

impl Admins {
    fn name(&self, who: &Identity) -> bool {
        let listed = who.email.as_ref().is_some_and(|e| self.emails.contains(e));
        listed || who.groups.iter().any(|group| self.groups.contains(group))
    }

    /// Whether they leave it to the accounts.
    fn is_silent(&self) -> bool {
        self.groups.is_empty() && self.emails.is_empty()
    }
}

/// What is known here of whoever has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acquaintance<'a> {
    /// The account that the provider's name for them belongs to.
    pub linked: Option<&'a Account>,
    /// The account with their address, and whether the provider knows it as somebody.
    pub namesake: Option<(&'a Account, bool)>,
}

/// As whom somebody is let in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Admission<'a> {
    /// They have come before.
    Known(&'a Account),
    /// This account is theirs from now on.
    Link(&'a Account),
    /// They get an account of an administrator.
    Open,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OidcError {
    #[error("not an administrator")]
    NotAllowed,
    #[error("the provider does not vouch for the e-mail address")]
    Unverified,
    #[error("nobody has proved the e-mail address of the account here")]
    Unproved,
    #[error("the provider knows the account as somebody else")]
    SomebodyElse,
    #[error("the account is disabled")]
    Disabled,
}

impl OidcError {
    /// The stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAllowed => "oidc-not-allowed",
            Self::Unverified => "oidc-unverified",
            Self::Unproved => "oidc-unproved",
            Self::SomebodyElse => "oidc-somebody-else",
            Self::Disabled => "account-disabled",
        }
    }
}

/// Decides as whom somebody is let in.
///
/// # Errors
/// Why nobody is.
pub fn admit<'a>(
    who: &Identity,
    admins: &Admins,
    known: Acquaintance<'a>,
) -> Result<Admission<'a>, OidcError> {
    let named = admins.name(who);
    let may = |account: &Account| {
        if account.role != Role::Admin || !(named || admins.is_silent()) {
            return Err(OidcError::NotAllowed);
        }
        if account.disabled {
            return Err(OidcError::Disabled);
        }
        Ok(())
    };
    if let Some(account) = known.linked {
        return may(account).map(|()| Admission::Known(account));
    }
    if who.email.is_none() {
        return Err(OidcError::Unverified);
    }
    match known.namesake {
        Some((account, is_linked)) => {
            may(account)?;
            if is_linked {
                return Err(OidcError::SomebodyElse);
            }
            if !account.email_verified {
                return Err(OidcError::Unproved);
            }
            Ok(Admission::Link(account))
        }
        None if named => Ok(Admission::Open),
        None => Err(OidcError::NotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;

    fn account(role: Role) -> Account {
        let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Account {
            id: UserId::at(now),
            email: "ann@house.test".to_owned(),
            name: "Ann".to_owned(),
            role,
            branch_id: None,
            phone: None,
            gender: None,
            description: String::new(),
            locale: "en".to_owned(),
            time_zone: chrono_tz::UTC,
            avatar_tag: None,
            email_verified: true,
            guest: false,
            disabled: false,
            auth_epoch: 0,
            version: 1,
            created_at: now,
        }
    }

    fn ann() -> Identity {
        Identity {
            issuer: "https://login.test".to_owned(),
            subject: "1".to_owned(),
            email: Some("ann@house.test".to_owned()),
            name: None,
            groups: vec!["staff".to_owned(), "ops".to_owned()],
        }
    }

    fn named(groups: &[&str], emails: &[&str]) -> Admins {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Admins {
            groups: owned(groups),
            emails: owned(emails),
        }
    }

    fn linked(account: &Account) -> Acquaintance<'_> {
        Acquaintance {
            linked: Some(account),
            namesake: None,
        }
    }

    fn namesake(account: &Account, is_linked: bool) -> Acquaintance<'_> {
        Acquaintance {
            linked: None,
            namesake: Some((account, is_linked)),
        }
    }

    #[test]
    fn the_settings_narrow_who_comes_in_and_their_silence_leaves_it_to_the_accounts() {
        let admin = account(Role::Admin);
        for (admins, may) in [
            (named(&[], &[]), true),
            (named(&["ops"], &[]), true),
            (named(&["board"], &[]), false),
            (named(&[], &["ann@house.test"]), true),
            (named(&[], &["bob@house.test"]), false),
            (named(&["board"], &["ann@house.test"]), true),
        ] {
            let expected = may.then_some(Admission::Known(&admin));
            let found = admit(&ann(), &admins, linked(&admin));
            assert_eq!(found, expected.ok_or(OidcError::NotAllowed), "{admins:?}");
            let expected = may.then_some(Admission::Link(&admin));
            let found = admit(&ann(), &admins, namesake(&admin, false));
            assert_eq!(found, expected.ok_or(OidcError::NotAllowed), "{admins:?}");
        }
    }

    #[test]
    fn nobody_is_made_an_administrator_of_an_account_that_is_none() {
        for role in [Role::User, Role::Expert, Role::Manager] {
            let other = account(role);
            for admins in [named(&[], &[]), named(&["ops"], &["ann@house.test"])] {
                for known in [linked(&other), namesake(&other, false)] {
                    assert_eq!(admit(&ann(), &admins, known), Err(OidcError::NotAllowed));
                }
            }
        }
    }

    #[test]
    fn an_address_finds_an_account_only_where_both_sides_have_proved_it_and_nobody_else_has_it() {
        let admins = named(&["ops"], &[]);
        let admin = account(Role::Admin);
        let unproved = Account {
            email_verified: false,
            ..admin.clone()
        };
        let disabled = Account {
            disabled: true,
            ..admin.clone()
        };
        let unverified = Identity {
            email: None,
            ..ann()
        };
        let refused = |who: &Identity, known| admit(who, &admins, known).unwrap_err();
        assert_eq!(
            refused(&ann(), namesake(&unproved, false)),
            OidcError::Unproved
        );
        assert_eq!(
            refused(&ann(), namesake(&admin, true)),
            OidcError::SomebodyElse
        );
        assert_eq!(
            refused(&ann(), namesake(&disabled, false)),
            OidcError::Disabled
        );
        assert_eq!(refused(&ann(), linked(&disabled)), OidcError::Disabled);
        assert_eq!(
            refused(&unverified, namesake(&admin, false)),
            OidcError::Unverified
        );
        // Whoever came before needs no address any more, and theirs needs no proof.
        let found = admit(&unverified, &admins, linked(&unproved));
        assert_eq!(found, Ok(Admission::Known(&unproved)));
    }

    #[test]
    fn an_account_is_opened_only_for_whom_the_settings_name() {
        let nobody = Acquaintance::default;
        let found = admit(&ann(), &named(&["ops"], &[]), nobody());
        assert_eq!(found, Ok(Admission::Open));
        for admins in [named(&[], &[]), named(&["board"], &["bob@house.test"])] {
            let found = admit(&ann(), &admins, nobody());
            assert_eq!(found, Err(OidcError::NotAllowed));
        }
    }
}
