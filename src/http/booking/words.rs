//! What people write on a booking, on what becomes one, and about a step of it: checked alike everywhere.

use belfry_domain::field::FieldError;
use belfry_domain::text;

type Checked = Result<Option<String>, FieldError>;

/// A note of the client.
///
/// # Errors
/// At `/note`.
pub fn note(typed: Option<&str>) -> Checked {
    lines("/note", typed, 2000)
}

/// Why somebody takes a step.
///
/// # Errors
/// At `/reason`.
pub fn reason(typed: Option<&str>) -> Checked {
    lines("/reason", typed, 500)
}

/// Where people meet.
///
/// # Errors
/// At `/place`.
pub fn place(typed: Option<&str>) -> Checked {
    lines("/place", typed, 300)
}

/// Where people meet online.
///
/// # Errors
/// At `/link`, also for what is no link.
pub fn link(typed: Option<&str>) -> Checked {
    let link = lines("/link", typed, 500)?;
    let leads = |link: &String| link.starts_with("https://") || link.starts_with("http://");
    if link.as_ref().is_none_or(leads) {
        return Ok(link);
    }
    let detail = "A link begins with https://.";
    Err(FieldError::new("/link", FieldError::INVALID, detail))
}

/// Lines that may be left out; none at all are left out, too.
///
/// # Errors
/// At `pointer`, when they are longer than `most` characters or hold a control character.
pub fn lines(pointer: &str, typed: Option<&str>, most: usize) -> Checked {
    let checked = typed.map(|typed| text::checked(pointer, typed, 0, most, true));
    Ok(checked.transpose()?.filter(|text| !text.is_empty()))
}
