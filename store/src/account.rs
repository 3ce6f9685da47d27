//! Accounts: users, their pictures, and the refresh tokens of their devices.

use belfry_domain::Instant;
use belfry_domain::account::{Account, Role};
use belfry_domain::id::{BranchId, UserId};
use const_format::formatcp;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::{Anywhere, Dialect, IdList};
use crate::{Store, StoreError, Tx};

pub(crate) const COLUMNS: &str = "id, COALESCE(guest_email, email) AS email, guest_email IS NOT NULL AS guest, name, role, branch_id, phone, gender, description, locale, time_zone, \
     avatar_tag, email_verified, disabled, auth_epoch, version, created_at";

#[derive(FromRow)]
pub(crate) struct AccountRow {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    branch_id: Option<Uuid>,
    phone: Option<String>,
    gender: Option<String>,
    description: String,
    locale: String,
    time_zone: String,
    avatar_tag: Option<String>,
    email_verified: bool,
    guest: bool,
    disabled: bool,
    auth_epoch: i64,
    version: i64,
    created_at: Instant,
}

impl TryFrom<AccountRow> for Account {
    type Error = StoreError;

    fn try_from(row: AccountRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            email: row.email,
            name: row.name,
            role: row.role.parse().map_err(StoreError::unreadable)?,
            branch_id: row.branch_id.map(BranchId::from),
            phone: row.phone,
            gender: row.gender,
            description: row.description,
            locale: row.locale,
            time_zone: row.time_zone.parse().map_err(StoreError::unreadable)?,
            avatar_tag: row.avatar_tag,
            email_verified: row.email_verified,
            guest: row.guest,
            disabled: row.disabled,
            auth_epoch: row.auth_epoch,
            version: row.version,
            created_at: row.created_at,
        })
    }
}

/// What a person may change of the own profile; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub name: Option<String>,
    pub phone: Option<Option<String>>,
    pub gender: Option<Option<String>>,
    pub description: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
}

/// A stored picture.
pub struct Avatar {
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Store {
    /// The account with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account(&self, id: UserId) -> Result<Option<Account>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, AccountRow>(formatcp!("SELECT {COLUMNS} FROM users WHERE id = $1"))
                .bind(id.uuid())
                .fetch_optional(pool)
                .await?
                .map(Account::try_from)
                .transpose()
        })
    }

    /// The accounts with these ids, in no order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Account>, StoreError> {
        let ids = ids.iter().map(|id| id.uuid()).collect();
        on_read!(self, |pool| {
            sqlx::query_as::<DB, AccountRow>(formatcp!(
                "SELECT {COLUMNS} FROM users WHERE id {}",
                <DB as Dialect>::ID_IN_1
            ))
            .bind(IdList(ids))
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Account::try_from)
            .collect()
        })
    }

    /// The account with this (lower-case) address, and its password hash.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn account_by_email(
        &self,
        email: &str,
    ) -> Result<Option<(Account, String)>, StoreError> {
        #[derive(FromRow)]
        struct WithHash {
            #[sqlx(flatten)]
            account: AccountRow,
            password_hash: String,
        }
        on_read!(self, |pool| {
            sqlx::query_as::<DB, WithHash>(formatcp!(
                "SELECT {COLUMNS}, password_hash FROM users WHERE email = $1 AND guest_email IS NULL"
            ))
            .bind(email)
            .fetch_optional(pool)
            .await?
            .map(|row| Ok((row.account.try_into()?, row.password_hash)))
            .transpose()
        })
    }

    /// Accounts by name, newest first, with text in name or address and one role where given; nobody who was erased.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_accounts(
        &self,
        query: Option<&str>,
        role: Option<Role>,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<Account>, StoreError> {
        on_read!(self, |pool| {
            sqlx::query_as::<DB, AccountRow>(formatcp!(
                "SELECT {COLUMNS} FROM users \
                 WHERE erased_at IS NULL AND ($1 IS NULL OR name {finds} $1 OR email {finds} $1) \
                   AND ($2 IS NULL OR role = $2) AND ($3 IS NULL OR id < $3) \
                 ORDER BY id DESC LIMIT $4",
                finds = <DB as Dialect>::FINDS
            ))
            .bind(query.map(Anywhere))
            .bind(role.map(Role::as_str))
            .bind(after.map(UserId::uuid))
            .bind(limit)
            .fetch_all(pool)
            .await?
            .into_iter()
            .map(Account::try_from)
            .collect()
        })
    }

    /// Changes a profile; `false` when `expected` is not its version any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn update_profile(
        &self,
        id: UserId,
        profile: &Profile,
        expected: Option<i64>,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        if let Some(Some(phone)) = &profile.phone {
            crate::person::remember(&mut tx, "sms", phone).await?;
        }
        let done = on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "UPDATE users SET name = COALESCE($2, name), \
                     phone = CASE WHEN $3 THEN $4 ELSE phone END, \
                     gender = CASE WHEN $5 THEN $6 ELSE gender END, \
                     description = COALESCE($7, description), locale = COALESCE($8, locale), \
                     time_zone = COALESCE($9, time_zone), version = version + 1, updated_at = $10 \
                 WHERE id = $1 AND ($11 IS NULL OR version = $11)",
            )
            .bind(id.uuid())
            .bind(&profile.name)
            .bind(profile.phone.is_some())
            .bind(profile.phone.clone().flatten())
            .bind(profile.gender.is_some())
            .bind(profile.gender.clone().flatten())
            .bind(&profile.description)
            .bind(&profile.locale)
            .bind(&profile.time_zone)
            .bind(now)
            .bind(expected)
            .execute(&mut *c)
            .await?
            .rows_affected()
        });
        tx.commit().await?;
        Ok(done == 1)
    }

    /// Sets or (with `None`) removes the picture.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_avatar(
        &self,
        id: UserId,
        avatar: Option<(&Avatar, &str)>,
        now: Instant,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>("DELETE FROM avatars WHERE user_id = $1")
                .bind(id.uuid())
                .execute(&mut *c)
                .await?;
            if let Some((avatar, _)) = avatar {
                sqlx::query::<DB>(
                    "INSERT INTO avatars (user_id, content_type, bytes) VALUES ($1, $2, $3)",
                )
                .bind(id.uuid())
                .bind(&avatar.content_type)
                .bind(&avatar.bytes)
                .execute(&mut *c)
                .await?;
            }
            sqlx::query::<DB>(
                "UPDATE users SET avatar_tag = $2, version = version + 1, updated_at = $3 WHERE id = $1",
            )
            .bind(id.uuid())
            .bind(avatar.map(|(_, tag)| tag))
            .bind(now)
            .execute(&mut *c)
            .await?;
        });
        tx.commit().await
    }

    /// The picture of an account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn avatar(&self, id: UserId) -> Result<Option<Avatar>, StoreError> {
        on_read!(self, |pool| {
            let row: Option<(String, Vec<u8>)> = sqlx::query_as::<DB, _>(
                "SELECT content_type, bytes FROM avatars WHERE user_id = $1",
            )
            .bind(id.uuid())
            .fetch_optional(pool)
            .await?;
            Ok(row.map(|(content_type, bytes)| Avatar {
                content_type,
                bytes,
            }))
        })
    }

    /// Marks the address as proved, if it is still the account's; what was booked by it without an account is the
    /// account's from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_email(
        &self,
        id: UserId,
        email: &str,
        now: Instant,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let proved = on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "UPDATE users SET email_verified = $3, version = version + 1, updated_at = $4 \
                 WHERE id = $1 AND email = $2",
            )
            .bind(id.uuid())
            .bind(email)
            .bind(true)
            .bind(now)
            .execute(&mut *c)
            .await?
            .rows_affected()
                == 1
        });
        if proved {
            crate::guest::claim(&mut tx, id, now).await?;
            tx.commit().await?;
        }
        Ok(proved)
    }

    /// Sets a new password if the account is still in `epoch`, and ends every session; a guest gets an account by
    /// it. Answers whose password it is, or `None` if nothing was done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reset_password(
        &self,
        id: UserId,
        epoch: i64,
        password_hash: &str,
        now: Instant,
    ) -> Result<Option<UserId>, StoreError> {
        let mut tx = self.begin().await?;
        let changed = on_tx!(&mut tx, |c| {
            sqlx::query::<DB>(
                "UPDATE users SET password_hash = $3, auth_epoch = auth_epoch + 1, email_verified = $4, \
                     version = version + 1, updated_at = $5 \
                 WHERE id = $1 AND auth_epoch = $2 AND guest_email IS NULL",
            )
            .bind(id.uuid())
            .bind(epoch)
            .bind(password_hash)
            // Whoever opened the link reads the mail of that address.
            .bind(true)
            .bind(now)
            .execute(&mut *c)
            .await?
            .rows_affected()
                == 1
        });
        let owner = if changed {
            Some(id)
        } else {
            crate::guest::open_account(&mut tx, id, epoch, password_hash, now).await?
        };
        if let Some(owner) = owner {
            crate::session::revoke_all(&mut tx, owner, now).await?;
            crate::guest::claim(&mut tx, owner, now).await?;
            tx.commit().await?;
        }
        Ok(owner)
    }

    /// Ends every session of an account: refresh tokens and access tokens alike.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_out_everywhere(&self, id: UserId, now: Instant) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query::<DB>("UPDATE users SET auth_epoch = auth_epoch + 1 WHERE id = $1")
                .bind(id.uuid())
                .execute(&mut *c)
                .await?;
        });
        crate::session::revoke_all(&mut tx, id, now).await?;
        tx.commit().await
    }
}

/// Adds an account; `false` when the address is taken.
///
/// # Errors
/// When the database fails.
pub async fn insert(
    tx: &mut Tx,
    account: &Account,
    password_hash: &str,
) -> Result<bool, StoreError> {
    crate::person::remember(tx, "email", &account.email).await?;
    if let Some(phone) = &account.phone {
        crate::person::remember(tx, "sms", phone).await?;
    }
    on_tx!(tx, |c| {
        let done = sqlx::query::<DB>(
            "INSERT INTO users (id, email, password_hash, name, role, branch_id, phone, gender, description, \
             locale, time_zone, avatar_tag, email_verified, disabled, auth_epoch, version, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17) \
             ON CONFLICT (email) DO NOTHING",
        )
        .bind(account.id.uuid())
        .bind(&account.email)
        .bind(password_hash)
        .bind(&account.name)
        .bind(account.role.as_str())
        .bind(account.branch_id.map(BranchId::uuid))
        .bind(&account.phone)
        .bind(&account.gender)
        .bind(&account.description)
        .bind(&account.locale)
        .bind(account.time_zone.name())
        .bind(&account.avatar_tag)
        .bind(account.email_verified)
        .bind(account.disabled)
        .bind(account.auth_epoch)
        .bind(account.version)
        .bind(account.created_at)
        .execute(&mut *c)
        .await?;
        Ok(done.rows_affected() == 1)
    })
}

/// Changes what an administrator decides about an account, inside `tx`; `false` when there is none, its owner was
/// forgotten, or `expected` is not its version any more.
///
/// # Errors
/// When the database fails.
pub async fn govern(
    tx: &mut Tx,
    id: UserId,
    role: Option<Role>,
    disabled: Option<bool>,
    branch: Option<Option<BranchId>>,
    expected: Option<i64>,
    now: Instant,
) -> Result<bool, StoreError> {
    let done = on_tx!(tx, |c| {
        sqlx::query::<DB>(
            "UPDATE users SET role = COALESCE($2, role), disabled = COALESCE($3, disabled), \
                 branch_id = CASE WHEN $4 THEN $5 ELSE branch_id END, \
                 auth_epoch = CASE WHEN $7 THEN auth_epoch + 1 ELSE auth_epoch END, version = version + 1, updated_at = $6 \
             WHERE id = $1 AND erased_at IS NULL AND ($8 IS NULL OR version = $8)",
        )
        .bind(id.uuid())
        .bind(role.map(Role::as_str))
        .bind(disabled)
        .bind(branch.is_some())
        .bind(branch.flatten().map(BranchId::uuid))
        .bind(now)
        // Roles are read with every call, so a new one needs no new token; a disabled account gets its
        // old tokens back by no means.
        .bind(disabled == Some(true))
        .bind(expected)
        .execute(&mut *c)
        .await?
        .rows_affected()
    });
    if done == 0 {
        return Ok(false);
    }
    if disabled == Some(true) {
        crate::session::revoke_all(tx, id, now).await?;
    }
    // A key was made with an administrator's rights, and does not wait for them to come back.
    if disabled == Some(true) || role.is_some_and(|role| role != Role::Admin) {
        crate::api_key::revoke_all(tx, id, now).await?;
    }
    Ok(true)
}
