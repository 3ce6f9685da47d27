//! What a text message may hold: the GSM alphabet (3GPP TS 23.038), and how long it gets.

use unicode_normalization::UnicodeNormalization;

/// Characters of one message in the GSM alphabet.
pub const MOST_GSM: usize = 160;
/// UTF-16 units of a message in any other alphabet, which then goes in two parts.
pub const MOST_UNICODE: usize = 134;

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// These take two places each.
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// The text as it is sent. One that would fit the GSM alphabet without accents goes without any: a
/// Vietnamese text message is commonly written so, and costs less than half. Others stay as they are.
pub fn plain(text: &str) -> String {
    if gsm_length(text).is_some() {
        return text.to_owned();
    }
    let folded: String = text.nfd().filter_map(fold).collect();
    let folded = folded.replace('…', "...");
    if gsm_length(&folded).is_some() {
        folded
    } else {
        text.to_owned()
    }
}

fn fold(character: char) -> Option<char> {
    match character {
        '\u{300}'..='\u{36f}' => None,
        'đ' => Some('d'),
        'Đ' => Some('D'),
        '‘' | '’' | '`' | '´' => Some('\''),
        '“' | '”' | '„' => Some('"'),
        '–' | '—' | '−' => Some('-'),
        '\u{a0}' | '\u{202f}' | '\t' => Some(' '),
        other => Some(other),
    }
}

/// The places it takes in the GSM alphabet; `None` if it does not fit that.
pub fn gsm_length(text: &str) -> Option<usize> {
    text.chars()
        .map(|character| match character {
            _ if BASIC.contains(character) => Some(1),
            _ if EXTENDED.contains(character) => Some(2),
            _ => None,
        })
        .sum()
}

/// How a text travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Seven bits a character.
    Gsm,
    /// Sixteen bits a character; one such as `ế` is enough for the whole text to travel so.
    Unicode,
}

impl Encoding {
    /// The name used in figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm => "gsm",
            Self::Unicode => "unicode",
        }
    }
}

/// How a text travels, and in how many parts, each of which is paid for.
pub fn measure(text: &str) -> (Encoding, usize) {
    // Several parts carry a heading each, which takes room.
    let (encoding, length, alone, joined) = match gsm_length(text) {
        Some(places) => (Encoding::Gsm, places, MOST_GSM, 153),
        None => (Encoding::Unicode, text.encode_utf16().count(), 70, 67),
    };
    let parts = if length <= alone {
        1
    } else {
        length.div_ceil(joined)
    };
    (encoding, parts)
}

/// Whether it is no longer than a message may be.
pub fn fits(text: &str) -> bool {
    match gsm_length(text) {
        Some(places) => places <= MOST_GSM,
        None => text.encode_utf16().count() <= MOST_UNICODE,
    }
}

/// The beginning that fits. What has to be cut ends in dots.
pub fn cut(text: &str) -> String {
    if fits(text) {
        return text.to_owned();
    }
    let mut kept = text.to_owned();
    while !fits(&format!("{kept}...")) && kept.pop().is_some() {}
    format!("{}...", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_goes_without_accents_and_chinese_as_it_is() {
        assert_eq!(
            plain("Lịch hẹn với Nguyễn Thị Ánh, 01/12, đã được xác nhận – mã 004217…"),
            "Lich hen voi Nguyen Thi Anh, 01/12, da duoc xac nhan - ma 004217..."
        );
        assert_eq!(plain("Müller à 9 h"), "Müller à 9 h", "GSM knows these");
        assert_eq!(plain("与王芳的预约"), "与王芳的预约");
    }

    #[test]
    fn rare_signs_take_two_places() {
        assert_eq!(gsm_length("a€{"), Some(5));
        assert_eq!(gsm_length("ạ"), None);
    }

    #[test]
    fn what_is_too_long_is_cut_to_what_fits() {
        for text in [
            "x".repeat(400),
            "€".repeat(100),
            "约".repeat(200),
            "😀".repeat(90),
        ] {
            let kept = cut(&text);
            assert!(
                fits(&kept) && kept.ends_with("...") && kept.len() > 100,
                "{kept}"
            );
        }
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn a_text_takes_the_parts_that_its_letters_make_of_it() {
        use Encoding::*;
        let cases = [
            (String::new(), (Gsm, 1)),
            ("a".repeat(160), (Gsm, 1)),
            ("a".repeat(161), (Gsm, 2)),
            ("a".repeat(306), (Gsm, 2)),
            ("a".repeat(307), (Gsm, 3)),
            // Two places each.
            ("€".repeat(80), (Gsm, 1)),
            ("€".repeat(81), (Gsm, 2)),
            ("ế".repeat(70), (Unicode, 1)),
            ("ế".repeat(71), (Unicode, 2)),
            ("ế".repeat(134), (Unicode, 2)),
            ("ế".repeat(135), (Unicode, 3)),
            // Two units of sixteen bits.
            ("📅".repeat(35), (Unicode, 1)),
            ("📅".repeat(36), (Unicode, 2)),
            (format!("{}ế", "a".repeat(70)), (Unicode, 2)),
        ];
        for (text, expected) in cases {
            assert_eq!(measure(&text), expected, "{text}");
        }
        assert_eq!(BASIC.chars().count(), 127, "all but the escape");
    }
}
