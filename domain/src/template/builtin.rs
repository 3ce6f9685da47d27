//! The texts that are compiled in.
//!
//! A file holds one kind's texts in one language. Its sections are named `[title]` where the inbox has them,
//! by a word of their own in mails, and by channel elsewhere.

use std::collections::BTreeMap;

use super::Medium;

/// A language, and each of its files by kind.
pub(super) type Texts = (&'static str, &'static [(&'static str, &'static str)]);

macro_rules! texts {
    ($language:literal) => {
        texts!(
            $language,
            "account.registered",
            "account.password_forgotten",
            "guest.code_asked",
            "booking.created",
            "booking.confirmed",
            "booking.rejected",
            "booking.cancelled",
            "booking.rescheduled",
            "booking.edited",
            "booking.clock_moved",
            "booking.kept",
            "booking.reminder",
            "booking.missed",
            "booking.completed",
            "booking.review_asked",
            "booking.reviewed",
            "booking.of_others",
            "calendar.conflict",
            "waitlist.joined",
            "waitlist.offered",
            "waitlist.expired",
            "visit.joined",
            "visit.offered",
            "visit.called",
            "visit.served",
            "visit.left",
            "visit.no_show",
            "visit.timed_out",
            "visit.transferred",
            "digest.closed",
            "webhook.disabled"
        )
    };
    ($language:literal, $($name:literal),+) => {
        ($language, &[$((
            $name,
            include_str!(concat!("../../templates/", $language, "/", $name, ".txt")),
        )),+])
    };
}

pub(super) const TEXTS: [Texts; 3] = [texts!("en"), texts!("vi"), texts!("zh")];

/// The words of the frame around the texts, by language.
pub(super) const WORDS: [(&str, &str); 3] = [
    ("en", include_str!("../../templates/en/words.txt")),
    ("vi", include_str!("../../templates/vi/words.txt")),
    ("zh", include_str!("../../templates/zh/words.txt")),
];

pub(super) const LAYOUTS: [(&str, &str); 2] = [
    ("layout.html", include_str!("../../templates/layout.html")),
    ("layout.txt", include_str!("../../templates/layout.txt")),
];

/// What a section of a file is for.
pub(super) fn place(section: &str) -> Option<(Medium, &str)> {
    Some(match section {
        "title" | "body" => (Medium::Inbox, section),
        "subject" | "lead" | "action" => (Medium::Email, section),
        "sms" => (Medium::Sms, "text"),
        _ => return None,
    })
}

/// Splits a file of texts at its `[section]` lines.
pub(super) fn sections(source: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in source.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            sections.push((name.to_owned(), String::new()));
        } else if let Some((_, text)) = sections.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (_, text) in &mut sections {
        *text = text.trim().to_owned();
    }
    sections
}

/// Reads `key = words` lines.
pub(super) fn dictionary(source: &'static str) -> BTreeMap<&'static str, &'static str> {
    source
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_the_same_texts() {
        let shape = |files: &[(&str, &'static str)], words: &'static str| {
            let mut keys: Vec<String> = dictionary(words).into_keys().map(str::to_owned).collect();
            for (file, source) in files {
                for (section, text) in sections(source) {
                    assert!(place(&section).is_some(), "[{section}] is for nothing");
                    assert!(!text.is_empty(), "{file} [{section}]");
                    keys.push(format!("{file}/{section}"));
                }
            }
            keys
        };
        let english = shape(TEXTS[0].1, WORDS[0].1);
        for at in 1..TEXTS.len() {
            assert_eq!(TEXTS[at].0, WORDS[at].0);
            assert_eq!(shape(TEXTS[at].1, WORDS[at].1), english, "{}", TEXTS[at].0);
        }
    }
}
