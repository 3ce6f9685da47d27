//! The slot cache in Redis: a version per expert, and answers under that version for a minute at most.

use std::sync::Arc;

use async_trait::async_trait;
use belfry_actors::cache::{Lookup, SlotCache};
use belfry_actors::expert::SlotsAnswer;
use belfry_domain::Instant;
use belfry_domain::id::UserId;
use bytes::Bytes;
use dashmap::DashMap;
use metrics::counter;
use redis::AsyncCommands;
use uuid::Uuid;

use crate::tether::Tether;

/// The longest that an answer is kept, in milliseconds.
const LONGEST: u64 = 60_000;
/// How long a version outlives its last use, in seconds. A version is never used twice, so one that is
/// forgotten costs a reading and nothing else.
const VERSION_KEPT: u64 = 86_400;

/// The cache of all nodes on one Redis.
pub struct RedisSlotCache {
    tether: Tether,
    /// Experts whose new version did not reach Redis, and how often it did not. What is kept about them may
    /// be out of date.
    owed: DashMap<UserId, u64>,
}

impl RedisSlotCache {
    /// A cache over a connection that mends itself. Must be called inside a runtime.
    pub fn start(tether: Tether) -> Arc<Self> {
        let mut changes = tether.changes();
        let owed = DashMap::new();
        let cache = Arc::new(Self { tether, owed });
        let here = Arc::downgrade(&cache);
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let Some(cache) = here.upgrade() else { return };
                cache.pay().await;
            }
        });
        cache
    }

    /// Gives an expert a version that was never used.
    async fn renew(&self, expert: UserId) -> Option<()> {
        let mut redis = self.tether.connection()?;
        let fresh = Uuid::new_v4().to_string();
        let set = redis.set_ex::<_, _, ()>(version_key(expert), fresh, VERSION_KEPT);
        self.tether.answered(set).await
    }

    /// Gives the versions that are owed, as far as Redis lets it.
    async fn pay(&self) {
        let owed: Vec<(UserId, u64)> = self.owed.iter().map(|e| (*e.key(), *e.value())).collect();
        for (expert, times) in owed {
            if self.renew(expert).await.is_none() {
                return;
            }
            // One that was owed again meanwhile is still owed.
            self.owed.remove_if(&expert, |_, now| *now == times);
        }
    }

    async fn version(&self, expert: UserId) -> Option<String> {
        let mut redis = self.tether.connection()?;
        let key = version_key(expert);
        let known: Option<String> = self.tether.answered(redis.get(&key)).await?;
        if known.is_some() {
            return known;
        }
        let options = redis::SetOptions::default()
            .conditional_set(redis::ExistenceCheck::NX)
            .with_expiration(redis::SetExpiry::EX(VERSION_KEPT));
        let fresh = Uuid::new_v4().to_string();
        let set = redis.set_options(&key, fresh, options);
        let _: Option<String> = self.tether.answered(set).await?;
        self.tether.answered(redis.get(&key)).await?
    }
}

#[async_trait]
impl SlotCache for RedisSlotCache {
    async fn get(&self, expert: UserId, question: &str) -> Lookup {
        if self.owed.contains_key(&expert) {
            return Lookup::default();
        }
        let Some(version) = self.version(expert).await else {
            return Lookup::default();
        };
        let Some(mut redis) = self.tether.connection() else {
            return Lookup::default();
        };
        let get = redis.get(answer_key(expert, &version, question));
        let kept: Option<Option<Vec<u8>>> = self.tether.answered(get).await;
        let answer = kept.flatten().and_then(read);
        let outcome = if answer.is_some() { "hit" } else { "miss" };
        counter!("belfry_slot_cache_lookups_total", "outcome" => outcome).increment(1);
        Lookup {
            version: Some(version),
            answer,
        }
    }

    async fn put(
        &self,
        expert: UserId,
        version: &str,
        question: &str,
        answer: &SlotsAnswer,
        now: Instant,
    ) {
        let left = (answer.good_until - now).num_milliseconds();
        let Ok(left @ 1..) = u64::try_from(left) else {
            return;
        };
        let Some(mut redis) = self.tether.connection() else {
            return;
        };
        let key = answer_key(expert, version, question);
        let kept = redis.pset_ex::<_, _, ()>(key, written(answer), left.min(LONGEST));
        // Not kept is no harm: the next asker reads.
        self.tether.answered(kept).await;
    }

    async fn bump(&self, expert: UserId) {
        if self.renew(expert).await.is_some() {
            return;
        }
        counter!("belfry_slot_cache_lost_bumps_total").increment(1);
        *self.owed.entry(expert).or_default() += 1;
        // Redis may have come back just before this was owed.
        if self.tether.connection().is_some() {
            self.pay().await;
        }
    }
}

fn version_key(expert: UserId) -> String {
    format!("belfry:slots:{expert}")
}

fn answer_key(expert: UserId, version: &str, question: &str) -> String {
    format!("belfry:slots:{expert}:{version}:{question}")
}

/// Two lines of head, the last instant it is good (microseconds since 1970) and the tag, then the body.
fn written(answer: &SlotsAnswer) -> Vec<u8> {
    let head = format!(
        "{}\n{}\n",
        answer.good_until.timestamp_micros(),
        answer.etag
    );
    [head.as_bytes(), &answer.body].concat()
}

fn read(kept: Vec<u8>) -> Option<SlotsAnswer> {
    let kept = Bytes::from(kept);
    let first = kept.iter().position(|byte| *byte == b'\n')?;
    let second = first + 1 + kept[first + 1..].iter().position(|byte| *byte == b'\n')?;
    let good_until = std::str::from_utf8(&kept[..first]).ok()?.parse().ok()?;
    Some(SlotsAnswer {
        good_until: Instant::from_timestamp_micros(good_until)?,
        etag: std::str::from_utf8(&kept[first + 1..second])
            .ok()?
            .to_owned(),
        body: kept.slice(second + 1..),
        read_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let answer = SlotsAnswer {
            body: Bytes::from_static(b"{\n\"days\": []\n}"),
            etag: "\"00ff\"".to_owned(),
            good_until: Instant::from_timestamp_micros(1_800_000_000_000_001).unwrap(),
            read_at: Some(std::time::Instant::now()),
        };
        let again = read(written(&answer)).unwrap();
        assert_eq!(
            (again.body, again.etag, again.good_until, again.read_at),
            (answer.body, answer.etag, answer.good_until, None)
        );
        assert!(read(b"17".to_vec()).is_none());
        assert!(read(b"x\n\"e\"\n{}".to_vec()).is_none());
    }
}
