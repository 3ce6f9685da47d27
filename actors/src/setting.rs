//! What administrators have set for the house, as it stands now.
//!
//! A node reads it when it starts, when another one says on the bus that it was edited, and whenever the planner sees a
//! newer version, so that a message that was lost costs seconds and no planned word is older than its event.

use std::sync::Arc;

use arc_swap::ArcSwap;
use belfry_domain::setting::HouseSettings;
use belfry_store::{Store, StoreError};
use serde_json::Value;
use tracing::error;

/// Says that the settings were edited, for every node.
pub const CHANNEL: &str = "settings";
/// Not read yet.
const UNREAD: i64 = -1;

/// The settings in force, with their version. Cloning shares them.
#[derive(Clone, Debug)]
pub struct InForce {
    usual: Arc<HouseSettings>,
    now: Arc<ArcSwap<Kept>>,
}

/// One version of the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub version: i64,
    pub settings: HouseSettings,
}

impl Default for InForce {
    fn default() -> Self {
        Self::new(HouseSettings::default())
    }
}

impl InForce {
    /// What holds where administrators have set nothing.
    pub fn new(usual: HouseSettings) -> Self {
        let kept = Kept {
            version: UNREAD,
            settings: usual.clone(),
        };
        Self {
            usual: Arc::new(usual),
            now: Arc::new(ArcSwap::from_pointee(kept)),
        }
    }

    /// As they stand now.
    pub fn now(&self) -> Arc<Kept> {
        self.now.load_full()
    }

    /// Reads them anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh(&self, store: &Store) -> Result<Arc<Kept>, StoreError> {
        let (kept, version) = store.house_settings().await?;
        let settings = kept.map_or_else(|| (*self.usual).clone(), |kept| self.over_usual(kept));
        let read = Arc::new(Kept { version, settings });
        // Two that read at once end with the newer, whoever is last.
        self.now.rcu(|now| {
            if now.version > read.version {
                now.clone()
            } else {
                read.clone()
            }
        });
        Ok(self.now())
    }

    /// What was kept by a house that knew fewer settings is completed by what is usual here.
    fn over_usual(&self, kept: Value) -> HouseSettings {
        let mut whole = serde_json::to_value(&*self.usual).unwrap_or_default();
        if let (Value::Object(whole), Value::Object(kept)) = (&mut whole, kept) {
            let known = kept
                .into_iter()
                .filter(|(name, _)| whole.contains_key(name));
            let known: Vec<_> = known.collect();
            whole.extend(known);
        }
        serde_json::from_value(whole).unwrap_or_else(|error| {
            error!(%error, "what administrators set cannot be read; the operator's own holds");
            (*self.usual).clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_house_kept_is_completed_and_what_a_newer_one_kept_is_passed_over() {
        let usual = HouseSettings {
            registration: false,
            ..HouseSettings::default()
        };
        let read = InForce::new(usual).over_usual(json!({ "name": "Clinic", "moon": true }));
        assert_eq!((read.name.as_str(), read.registration), ("Clinic", false));
    }
}
