//! The gates between a message and its reader: preferences, quiet hours and the law's hours, in any zone, also where
//! the clock is changed (C4.5).

use belfry_domain::Instant;
use belfry_domain::channel::Way;
use belfry_domain::gate::{self, Check, Class, Gate, Policy, Reader, Sending, Verdict};
use belfry_domain::notification::Category;
use belfry_domain::preference::{Preferences, QuietHours};
use chrono::{TimeDelta, Timelike};
use chrono_tz::Tz;
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn quiet(from: &str, until: &str) -> Preferences {
    Preferences {
        quiet_hours: Some(QuietHours {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        }),
        ..Preferences::default()
    }
}

fn mail(category: Category) -> Sending {
    Sending {
        way: Way::Email,
        category,
        class: Class::Transactional,
        critical: false,
        not_after: None,
    }
}

fn ask(
    preferences: &Preferences,
    zone: Tz,
    sending: Sending,
    suppressed: Option<&str>,
    now: Instant,
) -> (Verdict, Vec<Check>) {
    let mut trace = Vec::new();
    let reader = Reader {
        disabled: false,
        preferences,
        time_zone: zone,
    };
    let policy = Policy::default();
    let verdict = gate::ask(reader, sending, suppressed, &policy, now, &mut trace);
    (verdict, trace)
}

#[test]
fn a_message_is_held_until_the_quiet_hours_of_its_reader_end() {
    let (night, noon) = (quiet("22:00", "07:00"), quiet("12:00", "13:30"));
    let hanoi = chrono_tz::Asia::Ho_Chi_Minh;
    let mail = mail(Category::Booking);
    for (chosen, now, verdict) in [
        // 23:00, 03:00 and 06:59 there are quiet; 07:00 and 21:59 are not.
        (
            &night,
            "2026-12-01T16:00:00Z",
            Verdict::Hold(at("2026-12-02T00:00:00Z")),
        ),
        (
            &night,
            "2026-12-01T20:00:00Z",
            Verdict::Hold(at("2026-12-02T00:00:00Z")),
        ),
        (
            &night,
            "2026-12-01T23:59:59Z",
            Verdict::Hold(at("2026-12-02T00:00:00Z")),
        ),
        (&night, "2026-12-02T00:00:00Z", Verdict::Pass),
        (&night, "2026-12-02T14:59:59Z", Verdict::Pass),
        (
            &noon,
            "2026-12-01T05:00:00Z",
            Verdict::Hold(at("2026-12-01T06:30:00Z")),
        ),
        (&noon, "2026-12-01T06:30:00Z", Verdict::Pass),
    ] {
        assert_eq!(ask(chosen, hanoi, mail, None, at(now)).0, verdict, "{now}");
    }
}

#[test]
fn what_is_critical_leaves_in_quiet_hours_and_past_every_switch_but_not_to_a_dead_address() {
    let mut chosen = quiet("00:00", "23:59");
    chosen.channels.email = false;
    let critical = Sending {
        critical: true,
        ..mail(Category::Account)
    };
    let now = at("2026-12-01T10:00:00Z");
    assert_eq!(ask(&chosen, Tz::UTC, critical, None, now).0, Verdict::Pass);
    let (verdict, trace) = ask(&chosen, Tz::UTC, critical, Some("bounced"), now);
    assert_eq!(verdict, Verdict::Drop);
    let last = trace.last().unwrap();
    assert_eq!(
        (last.gate, last.reason.as_deref()),
        (Gate::Suppression, Some("bounced"))
    );
}

#[test]
fn a_switch_that_is_off_closes_and_says_which_one() {
    let now = at("2026-12-01T10:00:00Z");
    let reason = |chosen: &Preferences, category| {
        let (verdict, trace) = ask(chosen, Tz::UTC, mail(category), None, now);
        let closed = (verdict == Verdict::Drop).then(|| trace.last().unwrap().reason.clone());
        closed.flatten()
    };
    let mut chosen = Preferences::default();
    assert_eq!(reason(&chosen, Category::Reminder), None);
    chosen.categories.reminder.email = false;
    assert_eq!(
        reason(&chosen, Category::Reminder).as_deref(),
        Some("category_off")
    );
    assert_eq!(reason(&chosen, Category::Booking), None);
    assert_eq!(reason(&chosen, Category::Digest), None);
    chosen.channels.email = false;
    assert_eq!(
        reason(&chosen, Category::Booking).as_deref(),
        Some("channel_off")
    );
    assert_eq!(
        reason(&chosen, Category::Digest).as_deref(),
        Some("channel_off")
    );
    assert_eq!(reason(&chosen, Category::Account), None);
}

#[test]
fn a_reminder_that_the_quiet_hours_would_bring_after_the_start_is_not_sent() {
    let chosen = quiet("22:00", "07:00");
    let reminder = |starts_at| Sending {
        not_after: Some(at(starts_at)),
        ..mail(Category::Reminder)
    };
    let now = at("2026-12-01T05:30:00Z");
    let (verdict, trace) = ask(
        &chosen,
        Tz::UTC,
        reminder("2026-12-01T06:30:00Z"),
        None,
        now,
    );
    assert_eq!(verdict, Verdict::Drop);
    assert_eq!(trace.last().unwrap().gate, Gate::Expiry);
    let (verdict, _) = ask(
        &chosen,
        Tz::UTC,
        reminder("2026-12-01T07:30:00Z"),
        None,
        now,
    );
    assert_eq!(verdict, Verdict::Hold(at("2026-12-01T07:00:00Z")));
}

#[test]
fn an_advertisement_keeps_to_the_hours_of_the_law_and_of_its_reader() {
    let offer = Sending {
        class: Class::Marketing,
        ..mail(Category::Review)
    };
    let hanoi = chrono_tz::Asia::Ho_Chi_Minh;
    let open = Preferences::default();
    // 22:00 there is past the law's hours, which begin again at 07:00.
    let late = at("2026-12-01T15:00:00Z");
    let (verdict, trace) = ask(&open, hanoi, offer, None, late);
    assert_eq!(verdict, Verdict::Hold(at("2026-12-02T00:00:00Z")));
    assert_eq!(trace.last().unwrap().gate, Gate::MarketingHours);
    // Quiet until 09:00, two hours more.
    let (verdict, _) = ask(&quiet("21:00", "09:00"), hanoi, offer, None, late);
    assert_eq!(verdict, Verdict::Hold(at("2026-12-02T02:00:00Z")));
    // Quiet all day long but in the hours that the law closes.
    let (verdict, trace) = ask(&quiet("06:00", "23:00"), hanoi, offer, None, late);
    assert_eq!(verdict, Verdict::Drop);
    assert_eq!(
        trace.last().unwrap().reason.as_deref(),
        Some("no_lawful_hour")
    );
}

#[test]
fn gathered_messages_leave_at_the_hour_of_the_house_but_never_in_quiet_hours() {
    let policy = Policy::default();
    let closes = |chosen: &Preferences, now| {
        let reader = Reader {
            disabled: false,
            preferences: chosen,
            time_zone: chrono_tz::Europe::Berlin,
        };
        gate::digest_closes(reader, &policy, at(now))
    };
    let open = Preferences::default();
    assert_eq!(
        closes(&open, "2026-12-01T06:59:59Z"),
        at("2026-12-01T07:00:00Z")
    );
    assert_eq!(
        closes(&open, "2026-12-01T07:00:00Z"),
        at("2026-12-02T07:00:00Z")
    );
    // The night before the clocks go forward is an hour shorter.
    assert_eq!(
        closes(&open, "2026-03-28T12:00:00Z"),
        at("2026-03-29T06:00:00Z")
    );
    let late = quiet("20:00", "10:00");
    assert_eq!(
        closes(&late, "2026-12-01T12:00:00Z"),
        at("2026-12-02T09:00:00Z")
    );
}

fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        chrono_tz::Europe::Berlin,
        chrono_tz::America::New_York,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Asia::Ho_Chi_Minh,
        chrono_tz::Asia::Kathmandu,
        chrono_tz::America::Sao_Paulo,
        chrono_tz::Africa::Cairo,
        chrono_tz::Pacific::Apia,
        Tz::UTC,
    ])
}

/// Whether a clock that shows this many minutes is within hours that may reach over midnight.
fn within(shown: u32, from: u16, until: u16) -> bool {
    let (from, until) = (u32::from(from), u32::from(until));
    if from < until {
        (from..until).contains(&shown)
    } else {
        shown >= from || shown < until
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the zone, the hours and the day: what passes does so outside the quiet hours by the clock on the wall,
    /// what is held is held to such an instant, and that is at most a day and a half away.
    #[test]
    fn nothing_leaves_while_the_clock_on_the_wall_says_quiet(
        zone in zones(),
        from in 0u16..1440,
        until in 0u16..1440,
        seconds in 0i64..31_536_000 * 4,
        marketing: bool,
    ) {
        prop_assume!(from != until);
        let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let chosen = quiet(&time(from), &time(until));
        let now = at("2024-01-01T00:00:00Z") + TimeDelta::seconds(seconds);
        let class = if marketing { Class::Marketing } else { Class::Service };
        let sending = Sending { class, ..mail(Category::Booking) };
        let leaves = match ask(&chosen, zone, sending, None, now).0 {
            Verdict::Pass => now,
            Verdict::Hold(until) => {
                prop_assert!(until > now);
                until
            }
            Verdict::Drop => {
                prop_assert!(marketing, "only the two together leave no room");
                return Ok(());
            }
        };
        prop_assert!(leaves - now <= TimeDelta::hours(50));
        let local = leaves.with_timezone(&zone);
        let shown = local.hour() * 60 + local.minute();
        // Where the clock skips the end of the hours it never shows it; it is past them all the same.
        let skipped = (1..=120).any(|minutes| {
            let before = (leaves - TimeDelta::minutes(minutes)).with_timezone(&zone);
            let after = leaves.with_timezone(&zone);
            before.naive_local() + TimeDelta::minutes(minutes) != after.naive_local()
        });
        prop_assert!(skipped || !within(shown, from, until), "{leaves} shows {shown}");
        if marketing {
            prop_assert!(skipped || within(shown, 7 * 60, 22 * 60));
        }
    }
}
