//! What a push shows, small enough for every push service.

use belfry_actors::Outgoing;
use chrono::TimeDelta;

/// Longest title, text and address of a page, in bytes.
const MOST_TITLE: usize = 300;
const MOST_TEXT: usize = 2000;
const MOST_URL: usize = 600;
/// How long a push service keeps a push for a device that is away, when nothing says that it is pointless
/// before. What is older is still in the inbox.
const LIFETIME: TimeDelta = TimeDelta::days(3);
/// The longest that push services take.
const MOST_LIFETIME: TimeDelta = TimeDelta::weeks(4);

/// A notification for the screen of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Push {
    pub(super) title: String,
    pub(super) text: String,
    /// Where a tap leads.
    pub(super) url: Option<String>,
    /// The same for every attempt, so that a repeat takes the place of the one that is on the screen.
    pub(super) tag: String,
    /// Seconds for which a device that is away may be waited for.
    pub(super) lifetime: i64,
}

impl Push {
    pub(super) fn of(message: &Outgoing) -> Self {
        let content = &message.content;
        let left = content.not_after.map(|after| after - message.at);
        let lifetime = left.unwrap_or(LIFETIME);
        let url = content.url.clone();
        Self {
            title: shortened(&message.subject, MOST_TITLE),
            text: shortened(&content.text, MOST_TEXT),
            url: url.filter(|url| url.len() <= MOST_URL),
            tag: message.id.to_string(),
            lifetime: lifetime
                .clamp(TimeDelta::zero(), MOST_LIFETIME)
                .num_seconds(),
        }
    }

    /// As [`Push::of`], its text cut further until what `encode` makes of it has at most `most` bytes: text of
    /// quotation marks grows on the way.
    pub(super) fn fitted(
        message: &Outgoing,
        most: usize,
        encode: impl Fn(&Self) -> String,
    ) -> String {
        let mut push = Self::of(message);
        loop {
            let encoded = encode(&push);
            if encoded.len() <= most || push.text.is_empty() {
                return encoded;
            }
            let half = push.text.len() / 2;
            push.text = shortened(&push.text, half);
        }
    }
}

/// The beginning of a text in at most `most` bytes, with a mark where something was left out; line breaks stay,
/// other control characters go.
fn shortened(text: &str, most: usize) -> String {
    const MARK: char = '…';
    let clean: String = text
        .trim()
        .chars()
        .filter(|char| !char.is_control() || *char == '\n')
        .collect();
    if clean.len() <= most {
        return clean;
    }
    let mut kept = String::new();
    for char in clean.chars() {
        if kept.len() + char.len_utf8() + MARK.len_utf8() > most {
            break;
        }
        kept.push(char);
    }
    if !kept.is_empty() {
        kept.push(MARK);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters_and_says_so() {
        assert_eq!(shortened("  ngắn ", 20), "ngắn");
        assert_eq!(shortened("a\u{7}b\nc\r", 20), "ab\nc");
        assert_eq!(shortened("ắắắắắ", 12), "ắắắ…");
        assert_eq!(shortened("ắắắắắ", 14), "ắắắ…");
        assert_eq!(shortened("ắắ", 2), "");
        assert_eq!(shortened("", 0), "");
    }
}
