//! What servers of others say of calendars that experts keep there.

use belfry_domain::import::{self, Reading};
use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{lossy, now};
use crate::channel::calendar::multistatus::items;

/// A calendar is refused, or what is busy in it is in order, apart and in the window.
pub fn busy_time(bytes: &[u8]) {
    let window = (now(), now() + TimeDelta::days(60));
    let reading = Reading {
        zone: Tz::Asia__Ho_Chi_Minh,
        window,
        owner: &[],
        in_time: &|| true,
    };
    let Ok(contents) = import::read(&lossy(bytes), &reading) else {
        return;
    };
    assert!(contents.odd <= contents.events.max(bytes.len()));
    let busy = import::busy_time(&contents.busy, |_| false);
    for (from, until) in &busy {
        assert!(window.0 <= *from && from < until && *until <= window.1);
    }
    assert!(busy.windows(2).all(|pair| pair[0].1 < pair[1].0));
}

/// What is said of things is read or refused, and never more than was said.
pub fn multistatus(bytes: &[u8]) {
    if let Ok(found) = items(&lossy(bytes)) {
        assert!(found.len() <= bytes.len());
        let data: usize = found
            .iter()
            .filter_map(|item| item.data.as_ref())
            .map(String::len)
            .sum();
        assert!(data <= lossy(bytes).len(), "nothing grows");
    }
}
