//! Instants and lengths as people read them, in their language and zone.

use chrono::{Locale, NaiveDate, NaiveDateTime, Offset};
use chrono_tz::Tz;

use crate::Instant;

/// How a language writes dates.
struct Style {
    locale: Locale,
    long: &'static str,
    short: &'static str,
    /// Between date and time.
    gap: &'static str,
}

fn style(language: &str) -> Style {
    match language {
        "vi" => Style {
            locale: Locale::vi_VN,
            long: "%A, %d/%m/%Y",
            short: "%d/%m",
            gap: ", ",
        },
        "zh" => Style {
            locale: Locale::zh_CN,
            long: "%Y年%-m月%-d日 %A",
            short: "%-m月%-d日",
            gap: " ",
        },
        _ => Style {
            locale: Locale::en_GB,
            long: "%A, %-d %B %Y",
            short: "%a %-d %b",
            gap: ", ",
        },
    }
}

/// Date and time in few characters, such as `Tue 1 Dec, 09:00 (GMT+7)`.
pub fn brief(at: Instant, zone: Tz, language: &str) -> String {
    let style = style(language);
    let local = at.with_timezone(&zone);
    format!(
        "{}{}{} ({})",
        local.format_localized(style.short, style.locale),
        style.gap,
        local.format("%H:%M"),
        gmt(at, zone)
    )
}

/// One date or several in a row, in few characters, such as `Tue 1 Dec` or `Tue 1 Dec – Thu 3 Dec`.
pub fn dates(from: NaiveDate, until: NaiveDate, language: &str) -> String {
    let style = style(language);
    let written = |date: NaiveDate| date.format_localized(style.short, style.locale).to_string();
    if from == until {
        written(from)
    } else {
        format!("{} – {}", written(from), written(until))
    }
}

/// What a clock shows, in few characters, such as `Tue 1 Dec, 09:00`.
pub fn wall(at: NaiveDateTime, language: &str) -> String {
    let style = style(language);
    // A clock without a zone has no formats of its own for languages; the date is the same in UTC.
    let date = at.and_utc();
    let date = date.format_localized(style.short, style.locale);
    format!("{date}{}{}", style.gap, at.format("%H:%M"))
}

/// As [`brief`], with what the clock shows in the zone of `other` beside it if that differs, such as
/// `Tue 1 Dec, 09:00 (GMT+7) = 03:00 (GMT+1)`.
pub fn beside(at: Instant, zone: Tz, other: Tz, language: &str) -> String {
    let here = brief(at, zone, language);
    if !differ(at, zone, other) {
        return here;
    }
    let (local, there) = (at.with_timezone(&zone), at.with_timezone(&other));
    if local.date_naive() == there.date_naive() {
        format!("{here} = {} ({})", there.format("%H:%M"), gmt(at, other))
    } else {
        format!("{here} = {}", brief(at, other, language))
    }
}

/// Date, start and end in full, such as `Tuesday, 1 December 2026, 09:00–10:00 (GMT+7)`.
pub fn full(starts_at: Instant, ends_at: Instant, zone: Tz, language: &str) -> String {
    let style = style(language);
    let local = starts_at.with_timezone(&zone);
    format!(
        "{}{}{}–{} ({})",
        local.format_localized(style.long, style.locale),
        style.gap,
        local.format("%H:%M"),
        ends_at.with_timezone(&zone).format("%H:%M"),
        gmt(starts_at, zone)
    )
}

/// Whether clocks in the two zones show different times at `at`.
pub fn differ(at: Instant, one: Tz, other: Tz) -> bool {
    offset_seconds(at, one) != offset_seconds(at, other)
}

/// A length of time in words, rounded to what a person would say: minutes below two hours, then hours,
/// then days.
pub fn span(minutes: i64, language: &str) -> String {
    let minutes = minutes.max(0);
    let (count, unit) = match minutes {
        60 => (1, Unit::Hour),
        0..120 => (minutes, Unit::Minute),
        120..2880 => ((minutes + 30) / 60, Unit::Hour),
        _ => ((minutes + 720) / 1440, Unit::Day),
    };
    let word = match (language, unit) {
        ("vi", Unit::Minute) => "phút",
        ("vi", Unit::Hour) => "giờ",
        ("vi", Unit::Day) => "ngày",
        ("zh", Unit::Minute) => "分钟",
        ("zh", Unit::Hour) => "小时",
        ("zh", Unit::Day) => "天",
        (_, Unit::Minute) => plural(count, "minute", "minutes"),
        (_, Unit::Hour) => plural(count, "hour", "hours"),
        (_, Unit::Day) => plural(count, "day", "days"),
    };
    format!("{count} {word}")
}

enum Unit {
    Minute,
    Hour,
    Day,
}

fn plural(count: i64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

fn offset_seconds(at: Instant, zone: Tz) -> i32 {
    at.with_timezone(&zone).offset().fix().local_minus_utc()
}

/// The zone's offset as people know it: `GMT`, `GMT+7`, `GMT-3:30`.
fn gmt(at: Instant, zone: Tz) -> String {
    let seconds = offset_seconds(at, zone);
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    match (hours, minutes) {
        (0, 0) => "GMT".to_owned(),
        (hours, 0) => format!("GMT{sign}{hours}"),
        (hours, minutes) => format!("GMT{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn every_language_writes_the_time_its_own_way() {
        let (start, end) = (at("2026-12-01T02:00:00Z"), at("2026-12-01T03:00:00Z"));
        let zone = chrono_tz::Asia::Ho_Chi_Minh;
        assert_eq!(
            full(start, end, zone, "en"),
            "Tuesday, 1 December 2026, 09:00–10:00 (GMT+7)"
        );
        assert_eq!(
            full(start, end, zone, "vi"),
            "Thứ ba, 01/12/2026, 09:00–10:00 (GMT+7)"
        );
        assert_eq!(
            full(start, end, zone, "zh"),
            "2026年12月1日 星期二 09:00–10:00 (GMT+7)"
        );
        assert_eq!(brief(start, zone, "en"), "Tue 1 Dec, 09:00 (GMT+7)");
    }

    #[test]
    fn the_other_clock_stands_beside_ones_own_where_it_differs() {
        let (minh, berlin) = (chrono_tz::Asia::Ho_Chi_Minh, chrono_tz::Europe::Berlin);
        let start = at("2026-12-01T02:00:00Z");
        assert_eq!(
            beside(start, berlin, minh, "en"),
            "Tue 1 Dec, 03:00 (GMT+1) = 09:00 (GMT+7)"
        );
        assert_eq!(
            beside(start, minh, chrono_tz::America::New_York, "vi"),
            "01/12, 09:00 (GMT+7) = 30/11, 21:00 (GMT-5)"
        );
        assert_eq!(
            beside(start, minh, chrono_tz::Asia::Bangkok, "zh"),
            "12月1日 09:00 (GMT+7)"
        );
    }

    #[test]
    fn offsets_follow_the_date_and_show_half_hours() {
        let berlin = chrono_tz::Europe::Berlin;
        assert!(brief(at("2026-07-01T10:00:00Z"), berlin, "en").ends_with("12:00 (GMT+2)"));
        assert!(brief(at("2026-12-01T10:00:00Z"), berlin, "en").ends_with("11:00 (GMT+1)"));
        let st_johns = chrono_tz::America::St_Johns;
        assert!(brief(at("2026-12-01T10:00:00Z"), st_johns, "en").ends_with("(GMT-3:30)"));
        assert!(brief(at("2026-12-01T10:00:00Z"), Tz::UTC, "en").ends_with("(GMT)"));
        assert!(differ(at("2026-12-01T10:00:00Z"), berlin, Tz::UTC));
        assert!(!differ(
            at("2026-12-01T10:00:00Z"),
            chrono_tz::Europe::London,
            Tz::UTC
        ));
    }

    #[test]
    fn lengths_are_said_as_people_say_them() {
        assert_eq!(span(60, "en"), "1 hour");
        assert_eq!(span(1, "en"), "1 minute");
        assert_eq!(span(90, "en"), "90 minutes");
        assert_eq!(span(1440, "en"), "24 hours");
        assert_eq!(span(2880, "en"), "2 days");
        assert_eq!(span(60, "vi"), "1 giờ");
        assert_eq!(span(15, "zh"), "15 分钟");
        assert_eq!(span(-5, "en"), "0 minutes");
    }
}
