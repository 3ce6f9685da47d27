//! What comes off the bus, as a fuzzer reaches it.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::frame::Heard;

/// What is sent on to clients is a JSON object, whoever published it.
pub fn bus_messages(bytes: &[u8]) {
    let frame = match Heard::parse(bytes) {
        Heard::Durable(_, frame)
        | Heard::Ordered(frame)
        | Heard::Momentary(frame)
        | Heard::Foreign(frame) => frame,
        Heard::Unusable => return,
    };
    let json = frame.json();
    let raw: &RawValue = serde_json::from_slice(&json).expect("JSON");
    assert!(raw.get().trim_start().starts_with('{'));
    // It may nest deeper than this reader goes.
    if let Ok(value) = serde_json::from_slice::<Value>(&json) {
        assert!(value.is_object());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member() -> impl Strategy<Value = String> {
        let name = prop::sample::select(&[
            "type",
            "offset",
            "notification",
            "topic",
            "event",
            "id",
            "x",
        ]);
        let value = prop_oneof![
            Just(r#""notification""#.to_owned()),
            Just(r#""event""#.to_owned()),
            Just(r#""read""#.to_owned()),
            Just(r#"{"a":[1,null]}"#.to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            "\\PC{0,9}",
        ];
        (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
    }

    proptest! {
        #[test]
        fn what_is_sent_on_is_an_object(
            members in prop::collection::vec(member(), 0..6),
            around in "[ \n\\[\\]{}]{0,2}",
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            bus_messages(format!("{{{}}}", members.join(",")).as_bytes());
            bus_messages(format!("{around}{{{}}}{around}", members.join(",")).as_bytes());
            bus_messages(&bytes);
        }
    }
}
