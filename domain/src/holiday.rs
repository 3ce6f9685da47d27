//! Public holidays by country and region, for experts who take them off (C2.1).
//!
//! The days come from the well-kept package `holidays` by `holiday/generate.py` and are compiled in: which days a
//! state will proclaim is nothing to be worked out, and nothing to be asked for while somebody waits.

use chrono::NaiveDate;

/// What `generate.py` wrote.
const DATA: &str = include_str!("holiday/holidays.txt");

/// A country, or a part of one with days of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// ISO 3166, such as `VN` or `DE-BY`.
    pub code: &'static str,
    /// What a part of a country is called there.
    pub name: Option<&'static str>,
}

/// A day off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Holiday {
    pub date: NaiveDate,
    /// In English.
    pub name: &'static str,
    /// In the language of the country, where that is Vietnamese or Chinese.
    pub local_name: Option<&'static str>,
}

/// Every region there is, in order of the codes.
pub fn regions() -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for line in DATA.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split('\t');
        let (Some(code), Some(second)) = (parts.next(), parts.next()) else {
            continue;
        };
        if regions.last().is_none_or(|last| last.code != code) {
            let is_part = matches!(second, "+" | "=");
            regions.push(Region {
                code,
                name: parts.next().filter(|_| is_part),
            });
        }
    }
    regions
}

/// The holidays of a region, in order; `None` when there is no such region.
pub fn holidays(code: &str) -> Option<Vec<Holiday>> {
    let own = |line: &&str| line.split('\t').next() == Some(code);
    let lines: Vec<&'static str> = DATA.lines().filter(own).collect();
    let head = lines.first()?;
    let mut found = Vec::new();
    if head.split('\t').nth(1) == Some("+") {
        let country = code.split('-').next().filter(|country| *country != code)?;
        found = holidays(country)?;
    }
    for line in lines {
        let [_, name, local, dates] = line.split('\t').collect::<Vec<_>>()[..] else {
            continue;
        };
        let local_name = Some(local).filter(|local| !local.is_empty());
        let dates = dates.split(' ');
        let dates = dates.filter_map(|date| NaiveDate::parse_from_str(date, "%Y%m%d").ok());
        found.extend(dates.map(|date| Holiday {
            date,
            name,
            local_name,
        }));
    }
    found.sort_unstable();
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::Datelike;

    use super::*;

    fn on(code: &str, date: &str) -> Option<&'static str> {
        let date: NaiveDate = date.parse().unwrap();
        let found = holidays(code).unwrap();
        found
            .into_iter()
            .find(|day| day.date == date)
            .map(|day| day.name)
    }

    #[test]
    fn days_that_everybody_knows_are_there() {
        for (code, date, name) in [
            ("VN", "2027-09-02", "National Day"),
            ("CN", "2027-10-01", "National Day"),
            ("US", "2027-11-25", "Thanksgiving Day"),
            ("FR", "2027-07-14", "National Day"),
            ("DE", "2027-10-03", "German Unity Day"),
            ("SG", "2027-08-09", "National Day"),
        ] {
            assert_eq!(on(code, date), Some(name), "{code} {date}");
        }
        // Easter Monday in England and not in Scotland; Epiphany in Bavaria and not in Berlin.
        assert!(on("GB-ENG", "2027-03-29").is_some() && on("GB-SCT", "2027-03-29").is_none());
        assert!(on("DE-BY", "2027-01-06").is_some() && on("DE-BE", "2027-01-06").is_none());
        assert!(
            on("DE-BY", "2027-10-03").is_some(),
            "what the whole country has"
        );
        let tet = holidays("VN").unwrap();
        assert!(
            tet.iter()
                .any(|day| day.local_name == Some("Tết Nguyên Đán"))
        );
        for code in ["HK", "TW", "JP", "AU", "AU-NSW", "KR", "TH", "CA-QC"] {
            assert!(on(code, "2030-01-01").is_some(), "{code}");
        }
    }

    #[test]
    fn every_region_has_days_in_every_year_and_each_day_once() {
        let regions = regions();
        assert!(regions.len() > 80, "{}", regions.len());
        let codes: BTreeSet<_> = regions.iter().map(|region| region.code).collect();
        assert_eq!(codes.len(), regions.len());
        for Region { code, name } in regions {
            assert_eq!(name.is_some(), code.contains('-'), "{code}");
            let found = holidays(code).unwrap();
            let dates: BTreeSet<_> = found.iter().map(|day| day.date).collect();
            assert_eq!(dates.len(), found.len(), "{code} names a day twice");
            for year in 2024..=2036 {
                let count = dates.iter().filter(|date| date.year() == year).count();
                assert!((3..=40).contains(&count), "{code} has {count} in {year}");
            }
        }
        for code in ["", "XX", "DE-XX", "vn", "DE-", "#"] {
            assert_eq!(holidays(code), None, "{code}");
        }
    }
}
