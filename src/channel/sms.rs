//! What text messages have in common: how a text is encoded, how many parts it takes, how numbers are written.

use belfry_actors::Outgoing;

/// The alphabet of GSM 03.38 that takes seven bits a character.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
     abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension: each of these takes two places.
const EXTENSION: &str = "^{}\\[~]|€\u{c}";

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
    let septets = text.chars().try_fold(0usize, |sum, letter| {
        if GSM.contains(letter) {
            Some(sum + 1)
        } else {
            EXTENSION.contains(letter).then_some(sum + 2)
        }
    });
    // Several parts carry a heading each, which takes room.
    let (encoding, length, alone, joined) = match septets {
        Some(septets) => (Encoding::Gsm, septets, 160, 153),
        None => (Encoding::Unicode, text.encode_utf16().count(), 70, 67),
    };
    let parts = if length <= alone {
        1
    } else {
        length.div_ceil(joined)
    };
    (encoding, parts)
}

/// The text of a message, an advertisement's label first.
pub fn text_of(message: &Outgoing) -> String {
    let text = message.content.text.trim();
    match &message.content.marketing_label {
        Some(label) if !text.starts_with(label.as_str()) => format!("{label} {text}"),
        _ => text.to_owned(),
    }
}

/// A number in international form without its plus, as the gateways of Vietnam write it.
pub fn digits(address: &str) -> String {
    address.chars().filter(char::is_ascii_digit).collect()
}

/// Counts what was sent, in the parts that are paid for.
pub fn count(provider: &'static str, text: &str) {
    let (encoding, parts) = measure(text);
    let labels = [("provider", provider), ("encoding", encoding.as_str())];
    metrics::counter!("belfry_sms_parts_total", &labels).increment(parts as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(GSM.chars().count(), 127, "all but the escape");
    }

    #[test]
    fn numbers_lose_their_plus() {
        assert_eq!(digits("+84 901 234 567"), "84901234567");
    }
}
