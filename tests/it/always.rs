//! A week without an end.

use serde_json::{Value, json};

/// The schedule of an expert whose time can be had at every half hour of every day, at once.
pub fn open() -> Value {
    let days = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let weekly: Vec<Value> = days
        .iter()
        .map(|day| json!({ "weekday": day, "from": "00:00", "until": "24:00" }))
        .collect();
    json!({
        "time_zone": "UTC", "weekly": weekly,
        "booking_rules": { "minutes": [30], "interval_minutes": 30, "min_notice_minutes": 0 },
    })
}
