//! Finding a text inside another, whatever the case of its letters, on both engines.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgTypeInfo;
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo};
use sqlx::{Encode, Postgres, Sqlite, Type};

/// A text to be found anywhere in another, for `Dialect::FINDS`.
pub(crate) struct Anywhere<'a>(pub &'a str);

impl Anywhere<'_> {
    /// With `\` as the escape, which is the default of `LIKE` on PostgreSQL.
    fn like(&self) -> String {
        let mut pattern = String::from("%");
        for c in self.0.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern + "%"
    }

    /// Each letter as the set of its two forms, and what has a meaning in the pattern as a set of its own.
    fn glob(&self) -> String {
        let mut pattern = String::from("*");
        for c in self.0.chars() {
            let (lower, upper) = (single(c, c.to_lowercase()), single(c, c.to_uppercase()));
            if lower != upper {
                pattern.extend(['[', lower, upper, ']']);
            } else if matches!(c, '*' | '?' | '[') {
                pattern.extend(['[', c, ']']);
            } else {
                pattern.push(c);
            }
        }
        pattern + "*"
    }
}

/// The other form of a letter, or itself where that would be several.
fn single(c: char, mut forms: impl Iterator<Item = char>) -> char {
    match (forms.next(), forms.next()) {
        (Some(form), None) => form,
        _ => c,
    }
}

impl Type<Postgres> for Anywhere<'_> {
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Anywhere<'_> {
    fn encode_by_ref(
        &self,
        buf: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Postgres>>::encode(self.like(), buf)
    }
}

impl Type<Sqlite> for Anywhere<'_> {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Anywhere<'_> {
    fn encode_by_ref(&self, buf: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Sqlite>>::encode(self.glob(), buf)
    }
}
