//! Text that people type, made safe to keep and show.

use crate::field::FieldError;

/// Checks a free text of one or many lines: trimmed, no control characters but line breaks and tabs
/// (`multiline`), and `min..=max` characters long.
///
/// # Errors
/// A [`FieldError`] at `pointer` with code `required`, `too_short`, `too_long` or `control_character`.
pub fn checked(
    pointer: &str,
    text: &str,
    min: usize,
    max: usize,
    multiline: bool,
) -> Result<String, FieldError> {
    let trimmed = text.trim();
    if trimmed
        .chars()
        .any(|c| is_unsafe(c) && !(multiline && matches!(c, '\n' | '\r' | '\t')))
    {
        return Err(FieldError::new(
            pointer,
            FieldError::CONTROL_CHARACTER,
            "Control characters are not allowed here.",
        ));
    }
    let length = trimmed.chars().count();
    if length == 0 && min > 0 {
        return Err(FieldError::new(
            pointer,
            FieldError::REQUIRED,
            "This is required.",
        ));
    }
    if length < min {
        return Err(FieldError::new(
            pointer,
            FieldError::TOO_SHORT,
            format!("At least {min} characters are needed."),
        ));
    }
    if length > max {
        return Err(FieldError::new(
            pointer,
            FieldError::TOO_LONG,
            format!("At most {max} characters are allowed."),
        ));
    }
    Ok(trimmed.to_owned())
}

/// Control characters, and the marks that reorder or hide text around them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn text_is_trimmed_and_counted_in_characters() {
        assert_eq!(checked("/x", "  Nguyễn  ", 1, 6, false).unwrap(), "Nguyễn");
        assert_eq!(
            checked("/x", "1234567", 1, 6, false).unwrap_err().code,
            "too_long"
        );
        assert_eq!(
            checked("/x", "   ", 1, 6, false).unwrap_err().code,
            "required"
        );
    }

    #[test]
    fn control_and_reordering_characters_are_refused() {
        for bad in ["a\0b", "a\u{202e}b", "a\u{7f}b", "a\nb"] {
            assert_eq!(
                checked("/x", bad, 0, 9, false).unwrap_err().code,
                "control_character"
            );
        }
        assert!(checked("/x", "a\nb", 0, 9, true).is_ok());
    }
}
