//! Names and values as a file and the environment give them.

use std::collections::BTreeMap;

use config::{Value, ValueKind};

use super::Origin;

/// Every name that a file sets.
pub(super) fn note_names(name: String, value: Value, origins: &mut BTreeMap<String, Origin>) {
    match value.kind {
        ValueKind::Table(members) => {
            for (member, inner) in members {
                note_names(format!("{name}.{member}"), inner, origins);
            }
        }
        _ => drop(origins.insert(name, Origin::File)),
    }
}

/// A value as typed in the environment: a truth value, a whole number, a JSON list, else text.
pub(super) fn value_of(origin: &str, text: &str) -> Value {
    let origin = origin.to_owned();
    let kind = if let Ok(truth) = text.parse::<bool>() {
        ValueKind::Boolean(truth)
    } else if let Ok(number) = text.parse::<i64>() {
        ValueKind::I64(number)
    } else if let Ok(items) = serde_json::from_str::<Vec<serde_json::Value>>(text) {
        let items = items.into_iter().map(|item| match item {
            serde_json::Value::String(text) => Value::new(Some(&origin), ValueKind::String(text)),
            other => value_of(&origin, &other.to_string()),
        });
        ValueKind::Array(items.collect())
    } else {
        ValueKind::String(text.to_owned())
    };
    Value::new(Some(&origin), kind)
}

/// A list as typed in the environment: JSON, or its items between commas.
pub(super) fn list_of(origin: &str, text: &str) -> Value {
    if text.trim_start().starts_with('[') {
        return value_of(origin, text);
    }
    let items = text.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    let items = items.map(|item| value_of(origin, item)).collect();
    Value::new(Some(&origin.to_owned()), ValueKind::Array(items))
}
