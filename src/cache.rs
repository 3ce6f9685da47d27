//! The slot cache in Redis: a version per expert, and answers under that version for a minute at most.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Stopwatch};

use async_trait::async_trait;
use belfry_actors::cache::{Lookup, SlotCache};
use belfry_actors::expert::SlotsAnswer;
use belfry_domain::Instant;
use belfry_domain::id::UserId;
use bytes::Bytes;
use metrics::counter;
use redis::aio::ConnectionManager;
use redis::{AsyncCommands, RedisResult};
use uuid::Uuid;

/// How long Redis may take before the actor is asked instead.
const PATIENCE: Duration = Duration::from_millis(150);
/// How long nobody tries to read again after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest that an answer is kept, in milliseconds.
const LONGEST: u64 = 60_000;
/// How long a version outlives its last use, in seconds. A version is never used twice, so one that is
/// forgotten costs a reading and nothing else.
const VERSION_KEPT: u64 = 86_400;

/// The cache of all nodes on one Redis.
pub struct RedisSlotCache {
    connection: ConnectionManager,
    started: Stopwatch,
    /// Milliseconds after the start until which reads are not tried.
    paused_until: AtomicU64,
}

impl RedisSlotCache {
    /// A cache over a connection that mends itself.
    pub fn new(connection: ConnectionManager) -> Self {
        Self {
            connection,
            started: Stopwatch::now(),
            paused_until: AtomicU64::new(0),
        }
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for Redis, but not long; `None` when it failed or is taking a pause.
    async fn call<T>(&self, call: impl Future<Output = RedisResult<T>>) -> Option<T> {
        match tokio::time::timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%error, "the slot cache failed"),
            Err(_) => tracing::debug!("the slot cache did not answer in time"),
        }
        let pause = u64::try_from(PAUSE.as_millis()).unwrap_or_default();
        self.paused_until
            .store(self.elapsed() + pause, Ordering::Relaxed);
        None
    }

    fn is_paused(&self) -> bool {
        self.elapsed() < self.paused_until.load(Ordering::Relaxed)
    }

    async fn version(&self, expert: UserId) -> Option<String> {
        let mut redis = self.connection.clone();
        let key = version_key(expert);
        let known: Option<String> = self.call(redis.get(&key)).await?;
        if known.is_some() {
            return known;
        }
        let options = redis::SetOptions::default()
            .conditional_set(redis::ExistenceCheck::NX)
            .with_expiration(redis::SetExpiry::EX(VERSION_KEPT));
        let fresh = Uuid::new_v4().to_string();
        let _: Option<String> = self.call(redis.set_options(&key, fresh, options)).await?;
        self.call(redis.get(&key)).await?
    }
}

#[async_trait]
impl SlotCache for RedisSlotCache {
    async fn get(&self, expert: UserId, question: &str) -> Lookup {
        if self.is_paused() {
            return Lookup::default();
        }
        let Some(version) = self.version(expert).await else {
            return Lookup::default();
        };
        let mut redis = self.connection.clone();
        let kept: Option<Option<Vec<u8>>> = self
            .call(redis.get(answer_key(expert, &version, question)))
            .await;
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
        let key = answer_key(expert, version, question);
        let mut redis = self.connection.clone();
        let kept = redis.pset_ex::<_, _, ()>(key, written(answer), left.min(LONGEST));
        // Not kept is no harm: the next asker reads.
        self.call(kept).await;
    }

    async fn bump(&self, expert: UserId) {
        let mut redis = self.connection.clone();
        let fresh = Uuid::new_v4().to_string();
        let bumped = redis.set_ex::<_, _, ()>(version_key(expert), fresh, VERSION_KEPT);
        if self.call(bumped).await.is_none() {
            counter!("belfry_slot_cache_lost_bumps_total").increment(1);
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
            read_at: Some(Stopwatch::now()),
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
