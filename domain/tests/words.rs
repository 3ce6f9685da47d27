//! The words of every channel in every language, and own words tried before they are kept (T7).

use std::collections::BTreeMap;

use belfry_domain::template::{Medium, PUSH_BODY, PUSH_TITLE, Templates};
use belfry_domain::{account, proof, sms};

fn sections(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs.iter();
    owned
        .map(|(name, source)| ((*name).to_owned(), (*source).to_owned()))
        .collect()
}

/// What is wrong with own words, as places and reasons.
fn faults(kind: &str, medium: Medium, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let faults = proof::faults(kind, medium, "en", &sections(pairs));
    faults
        .into_iter()
        .map(|fault| (fault.pointer, fault.detail))
        .collect()
}

#[test]
fn every_kind_is_said_on_every_channel_in_every_language() {
    let templates = Templates::builtin().unwrap();
    let mut count = 0;
    for kind in Templates::kinds() {
        for medium in Medium::ALL {
            for language in account::LANGUAGES {
                let examples = proof::examples(&templates, kind, medium, language);
                let examples =
                    examples.unwrap_or_else(|error| panic!("{kind} {medium:?}: {error}"));
                assert!(!examples.is_empty(), "{kind} {medium:?} {language}");
                for example in examples {
                    let place = format!("{kind} {medium:?} {language}: {example:?}");
                    assert!(!example.text.trim().is_empty(), "{place}");
                    assert!(!example.text.contains("did."), "{place}");
                    assert_eq!(example.title.is_empty(), medium == Medium::Sms, "{place}");
                    assert_eq!(example.html.is_some(), medium == Medium::Email, "{place}");
                    if medium == Medium::Sms {
                        assert!(sms::fits(&example.text), "{place}");
                        assert!(!example.text.ends_with("..."), "{place}");
                        let latin = language != "zh";
                        assert_eq!(sms::gsm_length(&example.text).is_some(), latin, "{place}");
                        let has_code = example.text.contains("004217");
                        let of_booking =
                            kind.starts_with("booking.") || kind == "calendar.conflict";
                        assert_eq!(has_code, of_booking, "{place}");
                    }
                    if medium == Medium::Push {
                        assert!(example.title.chars().count() <= PUSH_TITLE, "{place}");
                        assert!(example.text.chars().count() <= PUSH_BODY, "{place}");
                    }
                    count += 1;
                }
            }
        }
    }
    println!("{count} texts read");
}

#[test]
fn the_builtin_words_would_be_taken_as_own_ones() {
    for kind in Templates::kinds() {
        for medium in Medium::ALL {
            for language in account::LANGUAGES {
                let sections = Templates::builtin_sections(kind, medium, language);
                if !sections.is_empty() {
                    let faults = proof::faults(kind, medium, language, &sections);
                    assert!(
                        faults.is_empty(),
                        "{kind} {medium:?} {language}: {faults:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn broken_words_are_refused_with_their_place() {
    let body = ("body", "fine");
    let inbox = |title: &str| faults("booking.created", Medium::Inbox, &[("title", title), body]);
    let one = |title: &str, said: &str| {
        let found = inbox(title);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "/sections/title");
        assert!(found[0].1.contains(said), "{found:?}");
    };
    one("fine\n{% if pending %}open", "Line 2");
    one("fine\n\n{{ 1 + }}", "Line 3");
    one(
        "a\n{{ othre }}",
        "Line 2: there is no othre; there are actor, by, client",
    );
    // Also where no reader of a made-up event would come.
    one(
        "x{% if by == 'nobody' %}{{ whoever }}{% endif %}",
        "there is no whoever",
    );
    one("x {{ reason.text.more }}", "Line 1");
    one("{{ other|shout }}", "Line 1");
    assert_eq!(inbox("{{ other }}: {{ starts }}"), []);
}

#[test]
fn what_is_not_there_for_everybody_must_be_asked_for_first() {
    let body = |body: &str| {
        faults(
            "booking.cancelled",
            Medium::Inbox,
            &[("title", "x"), ("body", body)],
        )
    };
    let unguarded = body("Because: {{ reason }}");
    assert_eq!(unguarded[0].0, "/sections/body");
    assert!(unguarded[0].1.contains("not always there"), "{unguarded:?}");
    assert!(unguarded[0].1.contains("no reason"), "{unguarded:?}");
    assert_eq!(
        body("x{% if reason %} Because: {{ reason }}{% endif %}"),
        []
    );
    // Offline bookings without a place, online ones without a link.
    assert!(!body("{% if online %}x{% else %}{{ place }}{% endif %}").is_empty());
    assert!(!body("{% if online %}{{ link }}{% else %}x{% endif %}").is_empty());
}

#[test]
fn words_that_some_readers_would_not_see_are_refused() {
    let lead = |lead: &str| {
        let parts = [("subject", "s"), ("lead", lead), ("action", "Open")];
        faults("booking.created", Medium::Email, &parts)
    };
    assert_eq!(lead("Hello {{ me }}"), []);
    let empty = lead("{% if side == \"client\" %}Hello{% endif %}");
    assert_eq!(empty[0].0, "/sections/lead");
    assert!(empty[0].1.contains("for: expert"), "{empty:?}");
    let missing = faults(
        "booking.created",
        Medium::Email,
        &[("subject", " "), ("lead", "x")],
    );
    let places: Vec<_> = missing.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["/sections/subject", "/sections/action"]);
    let unknown = faults(
        "booking.created",
        Medium::Sms,
        &[("text", "x"), ("a/b", "x")],
    );
    assert_eq!(unknown[0].0, "/sections/a~1b");
}

#[test]
fn words_that_are_too_long_for_their_channel_are_refused() {
    let long = |medium, name: &str, text: String| {
        let mut parts = sections(&[("title", "x"), ("body", "x")]);
        if medium == Medium::Sms {
            parts.clear();
        }
        parts.insert(name.to_owned(), text);
        let faults = proof::faults("booking.confirmed", medium, "en", &parts);
        faults
            .into_iter()
            .map(|fault| fault.code)
            .collect::<Vec<_>>()
    };
    let sms = |text: &str| long(Medium::Sms, "text", text.to_owned());
    assert!(sms(&"x".repeat(160)).is_empty());
    assert_eq!(sms(&"x".repeat(161)), ["too_long"]);
    assert!(sms(&"ạ".repeat(160)).is_empty(), "it goes without accents");
    assert_eq!(sms(&"约".repeat(135)), ["too_long"]);
    // With the longest name it gets.
    assert_eq!(
        sms(&format!("{}{{{{ other }}}}", "x".repeat(150))),
        ["too_long"]
    );
    assert_eq!(long(Medium::Push, "title", "x".repeat(66)), ["too_long"]);
    assert_eq!(long(Medium::Push, "body", "x".repeat(181)), ["too_long"]);
    assert_eq!(long(Medium::Push, "body", "x".repeat(4001)), ["too_long"]);
}

#[test]
fn words_that_take_too_long_are_refused() {
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
    let found = faults(
        "booking.created",
        Medium::Inbox,
        &[("title", endless), ("body", "x")],
    );
    assert_eq!(found[0].0, "/sections/title");
    assert!(found[0].1.contains("fuel"), "{found:?}");
}

#[test]
fn tags_are_kept_in_one_form() {
    for (typed, kept) in [
        ("VI", "vi"),
        ("vi-vn", "vi-VN"),
        ("ZH-hant-tw", "zh-Hant-TW"),
    ] {
        assert_eq!(proof::canonical(typed), kept);
    }
}
