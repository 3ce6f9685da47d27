//! What the bot says, in every language of the house.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use belfry_domain::account::language_of;

type Words = BTreeMap<String, BTreeMap<String, String>>;

/// Every text by name and language. Constant data, parsed once.
static WORDS: LazyLock<Words> = LazyLock::new(|| {
    serde_json::from_str(include_str!("words.json")).expect("the bot's words are valid")
});

/// A text in the language of a locale such as `vi-VN`.
pub fn word(locale: &str, name: &'static str) -> &'static str {
    let text = WORDS
        .get(name)
        .and_then(|texts| texts.get(language_of(locale)));
    text.map_or(name, String::as_str)
}

/// A text with a person's name in it.
pub fn addressed(locale: &str, name: &'static str, person: &str) -> String {
    word(locale, name).replace("{name}", person)
}

#[cfg(test)]
mod tests {
    use belfry_domain::account::LANGUAGES;

    use super::*;

    #[test]
    fn every_text_is_there_in_every_language_with_the_same_gaps() {
        assert!(WORDS.len() > 15);
        for (name, texts) in WORDS.iter() {
            let languages: Vec<&str> = texts.keys().map(String::as_str).collect();
            let mut expected = LANGUAGES.to_vec();
            expected.sort_unstable();
            assert_eq!(languages, expected, "{name}");
            let gaps = |text: &String| text.matches("{name}").count();
            let english = gaps(&texts["en"]);
            assert!(texts.values().all(|text| gaps(text) == english), "{name}");
        }
    }

    #[test]
    fn a_locale_has_the_words_of_its_language_and_else_english() {
        assert_eq!(word("vi-VN", "open"), "Mở lịch hẹn");
        assert_eq!(word("fr", "open"), "Open the booking");
        assert_eq!(
            addressed("en", "linked", "Ann")
                .split(',')
                .nth(1)
                .map(|s| s.starts_with(" Ann")),
            Some(true)
        );
    }
}
