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
    if min > 0 && trimmed.chars().all(is_blank) {
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

/// Control characters, line ends that are none in ASCII, and the marks that reorder or hide text around them.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// What shows nothing by itself. Inside a text it may be needed, to join the parts of an emoji or the letters of
/// some scripts; a text of nothing else looks like no text.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
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
        for bad in [
            "a\0b",
            "a\u{202e}b",
            "a\u{7f}b",
            "a\nb",
            "a\u{2028}b",
            "a\u{61c}b",
        ] {
            assert_eq!(
                checked("/x", bad, 0, 9, false).unwrap_err().code,
                "control_character"
            );
        }
        assert!(checked("/x", "a\nb", 0, 9, true).is_ok());
        assert!(checked("/x", "a\u{2029}b", 0, 9, true).is_err());
    }

    #[test]
    fn text_that_shows_nothing_is_no_text_and_joiners_inside_one_are_kept() {
        for blank in [
            "\u{3164}",
            "\u{200d}\u{200d}",
            "\u{2800} \u{ad}",
            "\u{e0020}",
        ] {
            assert_eq!(
                checked("/x", blank, 1, 9, false).unwrap_err().code,
                "required"
            );
        }
        for kept in ["👩\u{200d}💻", "نمی\u{200c}خواهم", "שרה", "❤\u{fe0f}"] {
            assert_eq!(checked("/x", kept, 1, 20, false).unwrap(), kept);
        }
    }
}
