//! Reads `zones.txt`. What is malformed ends the test: the file is written by a script and only ever replaced.

use std::str::FromStr;
use std::sync::LazyLock;

use belfry_domain::schedule::Hours;
use belfry_domain::wall::Edge;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

/// Everything in the file.
pub static ORACLE: LazyLock<Oracle> = LazyLock::new(|| read(include_str!("zones.txt")));

#[derive(Default)]
pub struct Oracle {
    /// The release of the zone database.
    pub iana: String,
    /// What clock changes do.
    pub shapes: Vec<Shape>,
    /// Sets of zones with the same clocks.
    pub rules: Vec<Rules>,
    /// Changes outside the years.
    pub outside: Vec<(Tz, Change)>,
    /// The plan of [`Rules::years`].
    pub years: Plan,
}

/// What a change does to clock times and slots; minutes are relative to it.
#[derive(Default)]
pub struct Shape {
    /// Clock time after what the clock showed right before the change, and its instant after the change.
    pub walls: Vec<(Edge, i64, i64)>,
    pub slots: Vec<Expected>,
}

/// Hours of every day, or of each weekday from Monday on, with grid and length.
#[derive(Clone, Default)]
pub struct Plan {
    pub name: String,
    pub interval_minutes: u16,
    pub length_minutes: u16,
    pub hours: Vec<Vec<Hours>>,
}

/// The slots of some days around a change.
pub struct Expected {
    pub plan: Plan,
    /// The first date, in days after the date of the change.
    pub first: i64,
    pub days: u16,
    /// Minutes after the change.
    pub starts: Vec<i64>,
}

#[derive(Default)]
pub struct Rules {
    pub zones: Vec<Tz>,
    /// Seconds ahead of UTC when the years begin.
    pub from: i64,
    pub changes: Vec<Change>,
    /// Count and mixed instants of the slots of each year from 2015 on.
    pub years: Vec<(usize, u64)>,
}

/// A clock change; offsets are seconds ahead of UTC.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub at: i64,
    pub before: i64,
    pub after: i64,
    pub shape: usize,
}

impl Change {
    /// The date and the minute that the clock would have shown at the change without it.
    pub fn shown(self) -> (NaiveDate, i64) {
        let shown = instant(self.at + self.before);
        let minute = (self.at + self.before).rem_euclid(86_400) / 60;
        (shown.date_naive(), minute)
    }
}

impl Oracle {
    /// One zone of each set with all its changes, and those outside the years.
    pub fn changes(&self) -> impl Iterator<Item = (Tz, Change)> {
        let inside = self.rules.iter().flat_map(|rules| {
            let zone = rules.zones[0];
            rules.changes.iter().map(move |&change| (zone, change))
        });
        inside.chain(self.outside.iter().copied())
    }
}

pub fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).expect("a second that chrono knows")
}

fn read(text: &str) -> Oracle {
    let mut oracle = Oracle::default();
    for line in text.lines() {
        read_line(&mut oracle, line).unwrap_or_else(|| panic!("cannot read: {line}"));
    }
    oracle
}

fn read_line(oracle: &mut Oracle, line: &str) -> Option<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut words = rest.split(' ');
    match word {
        "iana" => oracle.iana = rest.to_owned(),
        "plan" => oracle.years = plan(&mut words, None)?.0,
        "shape" => oracle.shapes.push(Shape::default()),
        "wall" => walls(&mut words, &mut oracle.shapes.last_mut()?.walls)?,
        "slots" => oracle.shapes.last_mut()?.slots.push(slots(rest)?),
        "rules" => oracle.rules.push(Rules::default()),
        "zones" => oracle.rules.last_mut()?.zones = words.map(parse).collect::<Option<_>>()?,
        "from" => oracle.rules.last_mut()?.from = parse(rest)?,
        "at" => {
            let rules = oracle.rules.last_mut()?;
            let before = rules.changes.last().map_or(rules.from, |last| last.after);
            rules.changes.push(Change {
                at: parse(words.next()?)?,
                before,
                after: parse(words.next()?)?,
                shape: parse(words.next()?)?,
            });
        }
        "years" => {
            let year = |word: &str| {
                let (count, mixed) = word.split_once(':')?;
                Some((parse(count)?, u64::from_str_radix(mixed, 16).ok()?))
            };
            oracle.rules.last_mut()?.years = words.map(year).collect::<Option<_>>()?;
        }
        "outside" => {
            let zone = parse(words.next()?)?;
            let change = Change {
                at: parse(words.next()?)?,
                before: parse(words.next()?)?,
                after: parse(words.next()?)?,
                shape: parse(words.next()?)?,
            };
            oracle.outside.push((zone, change));
        }
        _ => return None,
    }
    Some(())
}

fn walls<'a>(
    words: &mut impl Iterator<Item = &'a str>,
    into: &mut Vec<(Edge, i64, i64)>,
) -> Option<()> {
    let edge = match words.next()? {
        "start" => Edge::Start,
        "end" => Edge::End,
        _ => return None,
    };
    // The minute of the day, for whoever reads the file.
    words.next()?;
    while let Some(clock) = words.next() {
        into.push((edge, parse(clock)?, parse(words.next()?)?));
    }
    Some(())
}

fn slots(rest: &str) -> Option<Expected> {
    let (asked, found) = rest.split_once(" =")?;
    let (plan, (first, days)) = plan(&mut asked.split(' '), Some(()))?;
    let mut starts = Vec::new();
    for run in found.split_whitespace() {
        match run.split_once('+') {
            None => starts.push(parse(run)?),
            Some((start, steps)) => {
                let (step, count) = steps.split_once('*')?;
                let (start, step, count): (i64, i64, i64) =
                    (parse(start)?, parse(step)?, parse(count)?);
                starts.extend((0..count).map(|nth| start + nth * step));
            }
        }
    }
    Some(Expected {
        plan,
        first,
        days,
        starts,
    })
}

/// Name, interval, length, where dates belong to it the first and their number, and the hours.
fn plan<'a>(
    words: &mut impl Iterator<Item = &'a str>,
    dated: Option<()>,
) -> Option<(Plan, (i64, u16))> {
    let name = words.next()?.to_owned();
    let interval_minutes = parse(words.next()?)?;
    let length_minutes = parse(words.next()?)?;
    let dates = match dated {
        Some(()) => (parse(words.next()?)?, parse(words.next()?)?),
        None => (0, 0),
    };
    let mut hours: Vec<Vec<Hours>> = Vec::new();
    for word in words {
        let weekdays = word.split('/').map(|day| {
            let stretches = day.split(',').filter(|stretch| *stretch != "-");
            stretches.map(stretch).collect::<Option<Vec<_>>>()
        });
        let weekdays: Vec<_> = weekdays.collect::<Option<_>>()?;
        match (&mut hours[..], &weekdays[..]) {
            // Several stretches of every day.
            ([daily], [more]) => daily.extend(more),
            _ => hours = weekdays,
        }
    }
    let plan = Plan {
        name,
        interval_minutes,
        length_minutes,
        hours,
    };
    Some((plan, dates))
}

fn stretch(text: &str) -> Option<Hours> {
    let (from, until) = text.split_once('-')?;
    Some(Hours {
        from: parse(from)?,
        until: parse(until)?,
    })
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}
