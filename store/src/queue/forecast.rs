//! What estimates of a wait are made of, and those that people were told.

use belfry_domain::queue::duration::Learned;
use belfry_domain::queue::estimate::{Estimate, Score};
use belfry_domain::queue::line::{Desk, Purpose, Serving, Stretch};
use sqlx::types::Json;

use super::*;

/// Visits that teach how long visits take, the latest ones.
const LESSONS: i64 = 2000;
/// Estimates that are scored at once, the latest ones.
const SCORED: i64 = 20_000;

#[derive(FromRow)]
struct Lesson {
    state: String,
    expert_id: Option<Uuid>,
    skill: Option<String>,
    minutes: i64,
    joined_at: Instant,
    not_before: Option<Instant>,
    called_at: Option<Instant>,
    ended_at: Instant,
}

#[derive(FromRow)]
struct AtWork {
    id: Uuid,
    tags: Json<Vec<String>>,
}

#[derive(FromRow)]
struct Kept {
    subject_id: Uuid,
    source_id: Uuid,
    kind: String,
    starts_at: Instant,
    ends_at: Instant,
}

#[derive(FromRow)]
struct ToldRow {
    told_at: Instant,
    ahead: i64,
    p50_seconds: Option<i64>,
    p90_seconds: Option<i64>,
    called_at: Instant,
}

impl Store {
    /// What the visits to a branch that are over teach of those to come.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn visit_lessons(&self, branch: BranchId) -> Result<Learned, StoreError> {
        let mut lessons: Vec<Lesson> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT state, expert_id, skill, minutes, joined_at, not_before, called_at, ended_at FROM visits \
                 WHERE branch_id = $1 AND ended_at IS NOT NULL ORDER BY joined_at DESC, id DESC LIMIT $2",
            )
            .bind(branch.uuid())
            .bind(LESSONS)
            .fetch_all(pool)
            .await?
        });
        lessons.sort_by_key(|lesson| lesson.ended_at);
        let mut learned = Learned::new();
        for lesson in lessons {
            let state: State = lesson.state.parse().map_err(StoreError::unreadable)?;
            let waited_from = lesson
                .not_before
                .map_or(lesson.joined_at, |at| at.max(lesson.joined_at));
            let until = lesson.called_at.unwrap_or(lesson.ended_at);
            let gave_up = state == State::Left && lesson.called_at.is_none();
            learned.waited(minutes_between(waited_from, until), gave_up);
            if let (Some(called), Some(expert)) = (lesson.called_at, lesson.expert_id) {
                match state {
                    State::Done => {
                        learned.called(true);
                        let expected = u32::try_from(lesson.minutes).unwrap_or(u32::MAX);
                        let took = minutes_between(called, lesson.ended_at);
                        learned.served(expert.into(), lesson.skill.as_deref(), expected, took);
                    }
                    State::NoShow => learned.called(false),
                    _ => {}
                }
            }
        }
        Ok(learned)
    }

    /// The experts of a branch who are there or have somebody, with what is in their calendars until `until`; who is
    /// with whom stands in `line`, whose open visits these are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn desks_ahead(
        &self,
        branch: BranchId,
        line: &[Visit],
        now: Instant,
        until: Instant,
    ) -> Result<Vec<Desk>, StoreError> {
        let at_work: Vec<AtWork> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(formatcp!(
                "SELECT u.id, e.tags FROM users u JOIN experts e ON e.user_id = u.id \
                 WHERE u.branch_id = $1 AND u.role = 'expert' AND u.disabled = FALSE \
                   AND (e.presence = 'online' OR EXISTS (SELECT 1 FROM visits v WHERE v.expert_id = u.id \
                     AND v.state IN ('offered', 'called', 'serving'))) ORDER BY u.id"
            ))
            .bind(branch.uuid())
            .fetch_all(pool)
            .await?
        });
        // The time of those who are served now is drawn, not read.
        let kept: Vec<Kept> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT o.subject_id, o.source_id, o.kind, o.starts_at, o.ends_at FROM occupancies o \
                 JOIN users u ON u.id = o.subject_id \
                 WHERE u.branch_id = $1 AND o.kind <> 'service' AND o.ends_at > $2 AND o.starts_at < $3 \
                   AND (o.expires_at IS NULL OR o.expires_at > $2) ORDER BY o.starts_at",
            )
            .bind(branch.uuid())
            .bind(now)
            .bind(until)
            .fetch_all(pool)
            .await?
        });
        let waiting = |kept: &Kept| {
            let of = |visit: &&Visit| {
                visit
                    .booking_id
                    .is_some_and(|id| id.uuid() == kept.source_id)
            };
            line.iter().find(of)
        };
        let desk = |row: AtWork| {
            let with = line.iter().find(|visit| {
                let expert = visit.expert.as_ref().filter(|_| visit.state.has_expert());
                expert.is_some_and(|expert| expert.id.uuid() == row.id)
            });
            let booked = kept
                .iter()
                .filter(|kept| kept.subject_id == row.id)
                .filter_map(|kept| {
                    let purpose = match (waiting(kept), &*kept.kind) {
                        // They are there already: what is left of their visit is drawn.
                        (Some(visit), _) if visit.state.has_expert() => return None,
                        (Some(visit), _) => Purpose::Waiting(visit.id.uuid()),
                        (None, "booking") => Purpose::Expected { skill: None },
                        (None, _) => Purpose::Away,
                    };
                    Some(Stretch {
                        from: kept.starts_at,
                        until: kept.ends_at,
                        purpose,
                    })
                });
            Desk {
                expert: row.id.into(),
                skills: row.tags.0,
                free_at: now,
                closes_at: None,
                serving: with.map(|visit| Serving {
                    skill: visit.skill.clone(),
                    expected_minutes: visit.minutes.into(),
                    since: visit.called_at.unwrap_or(now),
                }),
                booked: booked.collect(),
            }
        };
        Ok(at_work.into_iter().map(desk).collect())
    }

    /// Keeps what people are told of their waits at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tell_estimates(
        &self,
        told: &[(VisitId, Estimate)],
        now: Instant,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        on_tx!(&mut tx, |c| {
            for (visit, estimate) in told {
                sqlx::query::<DB>(
                    "INSERT INTO visit_estimates (visit_id, told_at, ahead, p50_seconds, p90_seconds) \
                     SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT 1 FROM visits WHERE id = $1) \
                     ON CONFLICT (visit_id, told_at) DO NOTHING",
                )
                .bind(visit.uuid())
                .bind(now)
                .bind(i64::from(estimate.ahead))
                .bind(estimate.p50_minutes.map(seconds))
                .bind(estimate.p90_minutes.map(seconds))
                .execute(&mut *c)
                .await?;
            }
        });
        tx.commit().await
    }

    /// How good the estimates were that were told those who waited at a branch and were called between two instants, the
    /// latest ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn estimate_score(
        &self,
        branch: BranchId,
        (from, until): (Instant, Instant),
    ) -> Result<Score, StoreError> {
        let rows: Vec<ToldRow> = on_read!(self, |pool| {
            sqlx::query_as::<DB, _>(
                "SELECT e.told_at, e.ahead, e.p50_seconds, e.p90_seconds, v.called_at \
                 FROM visits v JOIN visit_estimates e ON e.visit_id = v.id \
                 WHERE v.branch_id = $1 AND v.joined_at < $3 AND v.called_at >= $2 AND v.called_at < $3 \
                   AND e.told_at <= v.called_at \
                 ORDER BY v.joined_at DESC, e.told_at DESC LIMIT $4",
            )
            .bind(branch.uuid())
            .bind(from)
            .bind(until)
            .bind(SCORED)
            .fetch_all(pool)
            .await?
        });
        let mut score = Score::default();
        for row in rows {
            let told = Estimate {
                ahead: u32::try_from(row.ahead).unwrap_or_default(),
                p50_minutes: row.p50_seconds.map(minutes),
                p90_minutes: row.p90_seconds.map(minutes),
            };
            score.add(&told, minutes_between(row.told_at, row.called_at));
        }
        Ok(score)
    }
}

fn minutes_between(from: Instant, until: Instant) -> f64 {
    ((until - from).as_seconds_f64() / 60.0).max(0.0)
}

fn seconds(minutes: f64) -> i64 {
    (minutes * 60.0).round() as i64
}

fn minutes(seconds: i64) -> f64 {
    seconds as f64 / 60.0
}
