//! One person's live connections on this node.
//!
//! The inbox in the database is the truth. Every connection has a place in it: the offset up to which it
//! was sent everything. An entry is pushed only to connections standing right before it; whoever stands
//! further back is brought up from the database. So nothing is skipped and nothing repeated, whatever is
//! lost, late or doubled on the way here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, WrapFuture,
};
use belfry_domain::id::UserId;
use belfry_domain::inbox::{InboxHead, Notification, Offset};
use belfry_store::{Store, StoreError};
use tracing::warn;
use uuid::Uuid;

use crate::frame::Frame;
use crate::session::{Close, Session};
use crate::supervisor::Supervisor;

/// A welcome waits this long for the bus to confirm that this person's messages are heard; later
/// confirmation only costs one more look into the database.
const HEARING: Duration = Duration::from_millis(250);
/// Before the database is asked again after it failed.
const RETRY: Duration = Duration::from_secs(1);
/// Before a reader whose queue is filled is given more of its replay.
const PACE: Duration = Duration::from_millis(50);
/// Entries read at once.
const PAGE: i64 = 100;
/// Words about the inbox that may wait for the actor; who has more waiting asks the database instead.
const BACKLOG: usize = 1024;

/// The turnstile of one person's connections. Lives as long as there are any.
pub(crate) struct UserActor {
    user: UserId,
    supervisor: Supervisor,
    backlog: Arc<Backlog>,
    members: Vec<Member>,
    heard: bool,
    /// Newest offset somebody told of. Only the database can confirm it.
    told: Offset,
    filling: bool,
}

struct Member {
    session: Arc<Session>,
    stage: Stage,
    /// Everything up to here was pushed; before the welcome, what the client claims to have.
    place: Offset,
    /// A `caught_up` is owed.
    resuming: bool,
    /// The database must be asked, whatever was told.
    unsure: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Until the bus is heard, or for long enough.
    Waiting,
    /// The database was asked where the inbox stands.
    Asked,
    Welcomed,
}

impl Member {
    fn lacks(&self, told: Offset) -> bool {
        self.stage == Stage::Welcomed && (self.resuming || self.unsure || self.place < told)
    }
}

/// What a user actor is told.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum ToUser {
    /// A connection begins, resuming after an offset if there is one.
    Join(Arc<Session>, Option<Offset>),
    /// A connection ended.
    Leave(Uuid),
    /// An entry was committed.
    Durable(Offset, Frame),
    /// A frame that must not overtake entries.
    Ordered(Frame),
    /// The newest offset in the database, as seen from outside.
    Newest(Offset),
    /// Words about the inbox were left out.
    Behind,
    /// From now on the bus brings this person's messages.
    Heard,
    /// No connection is left.
    Stop,
}

/// The words that wait for a user actor, counted outside of it.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: AtomicUsize,
    /// Words were left out, and the actor is going to be told so.
    behind: AtomicBool,
}

impl Backlog {
    /// Sends a word about the inbox. While too many wait, it is left out and one word says that some were:
    /// what they told is in the database.
    pub(crate) fn send(&self, actor: &Addr<UserActor>, message: ToUser) {
        if self.waiting.load(Ordering::Relaxed) < BACKLOG {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            actor.do_send(message);
        } else if !self.behind.swap(true, Ordering::AcqRel) {
            metrics::counter!("belfry_live_backlogs_total").increment(1);
            actor.do_send(ToUser::Behind);
        }
    }

    fn handled(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one look into the database found.
struct Look {
    head: InboxHead,
    entries: Vec<Notification>,
}

impl UserActor {
    pub(crate) fn new(user: UserId, supervisor: Supervisor, backlog: Arc<Backlog>) -> Self {
        Self {
            user,
            supervisor,
            backlog,
            members: Vec::new(),
            heard: false,
            told: 0,
            filling: false,
        }
    }

    fn join(&mut self, session: Arc<Session>, after: Option<Offset>, ctx: &mut Context<Self>) {
        let id = session.id();
        let first = self.members.iter().all(|m| m.stage != Stage::Waiting);
        self.members.reserve_exact(1);
        self.members.push(Member {
            session,
            stage: Stage::Waiting,
            place: after.unwrap_or(Offset::MAX),
            resuming: after.is_some(),
            unsure: false,
        });
        if self.heard {
            self.admit(id, ctx);
        } else if first {
            ctx.run_later(HEARING, |actor, ctx| actor.admit_waiting(ctx));
        }
    }

    fn admit_waiting(&mut self, ctx: &mut Context<Self>) {
        let waiting: Vec<Uuid> = self
            .members
            .iter()
            .filter(|member| member.stage == Stage::Waiting)
            .map(|member| member.session.id())
            .collect();
        for id in waiting {
            self.admit(id, ctx);
        }
    }

    /// Asks the database where the inbox stands, then welcomes the connection.
    fn admit(&mut self, id: Uuid, ctx: &mut Context<Self>) {
        if let Some(member) = self.member(id) {
            member.stage = Stage::Asked;
        }
        let supervisor = self.supervisor.clone();
        let user = self.user;
        let head = async move {
            let _turn = supervisor.look().await;
            // Boxed, so that waiting for the turn takes no room for it.
            known(Box::pin(supervisor.store().inbox_head(user)).await)
        };
        ctx.spawn(head.into_actor(self).map(move |head, actor, ctx| {
            actor.welcome(id, head);
            actor.fill(ctx);
        }));
    }

    fn welcome(&mut self, id: Uuid, head: Result<Option<InboxHead>, ()>) {
        let heartbeat = self.supervisor.heartbeat().as_secs();
        let user = self.user;
        let Some(member) = self.member(id) else {
            return;
        };
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => return member.session.close(Close::Disabled),
            Err(()) => return member.session.close(Close::Failed),
        };
        // Whoever claims to have seen more than there is (a restored database) starts at the end.
        member.place = member.place.clamp(0, head.offset);
        member.stage = Stage::Welcomed;
        let frame = Frame::welcome(id, user, head, member.place, heartbeat);
        member.session.welcome(frame);
        self.told = self.told.max(head.offset);
    }

    fn member(&mut self, id: Uuid) -> Option<&mut Member> {
        self.members.iter_mut().find(|m| m.session.id() == id)
    }

    fn durable(&mut self, offset: Offset, frame: &Frame, ctx: &mut Context<Self>) {
        for member in &mut self.members {
            if member.stage == Stage::Welcomed && member.place + 1 == offset {
                member.session.push(frame);
                member.place = offset;
            }
        }
        self.told = self.told.max(offset);
        self.fill(ctx);
    }

    /// Brings everybody who lacks something up to date, one look into the database at a time.
    fn fill(&mut self, ctx: &mut Context<Self>) {
        if self.filling {
            return;
        }
        let lacking = || self.members.iter().filter(|m| m.lacks(self.told));
        let Some(after) = lacking()
            .filter(|member| member.session.has_room())
            .map(|member| member.place)
            .min()
        else {
            if lacking().next().is_some() {
                self.fill_later(PACE, ctx);
            }
            return;
        };
        self.filling = true;
        let told = self.told;
        let supervisor = self.supervisor.clone();
        let user = self.user;
        let look = async move {
            let _turn = supervisor.look().await;
            known(Box::pin(look(supervisor.store(), user, after)).await)
        };
        ctx.spawn(look.into_actor(self).map(move |look, actor, ctx| {
            actor.filling = false;
            match look {
                Ok(Some(look)) => {
                    actor.bring_up(after, told, &look);
                    actor.fill(ctx);
                }
                Ok(None) => {
                    for member in &actor.members {
                        member.session.close(Close::Disabled);
                    }
                }
                Err(()) => actor.fill_later(RETRY, ctx),
            }
        }));
    }

    fn fill_later(&mut self, delay: Duration, ctx: &mut Context<Self>) {
        self.filling = true;
        ctx.run_later(delay, |actor, ctx| {
            actor.filling = false;
            actor.fill(ctx);
        });
    }

    /// Pushes what a look beginning after `after` found. `told` is what had been told when it began.
    fn bring_up(&mut self, after: Offset, told: Offset, look: &Look) {
        let whole = (look.entries.len() as i64) < PAGE;
        let newest = look.entries.last().map_or(after, |entry| entry.offset);
        // Deleted entries leave holes, so the end of the inbox is the counter's word.
        let end = if whole {
            newest.max(look.head.offset)
        } else {
            newest
        };
        let mut frames: BTreeMap<Offset, Frame> = BTreeMap::new();
        for member in &mut self.members {
            // One who joined meanwhile further back is brought up by the next look.
            if !member.lacks(told) || member.place < after || !member.session.has_room() {
                continue;
            }
            for entry in &look.entries {
                if entry.offset > member.place {
                    let frame = frames
                        .entry(entry.offset)
                        .or_insert_with(|| Frame::notification(entry));
                    member.session.push(frame);
                }
            }
            member.place = member.place.max(end);
            if whole {
                member.unsure = false;
                if std::mem::take(&mut member.resuming) {
                    member.session.push(&Frame::caught_up(member.place));
                }
            }
        }
        // What was told but is not in the database was never committed: nobody waits for it.
        if whole && self.told == told && told > end {
            warn!(user = %self.user, told, end, "an offset was announced that the inbox does not have");
            metrics::counter!("belfry_live_false_offsets_total").increment(1);
            self.told = end;
        }
    }
}

impl Actor for UserActor {
    type Context = Context<Self>;
}

impl Handler<ToUser> for UserActor {
    type Result = ();

    fn handle(&mut self, message: ToUser, ctx: &mut Context<Self>) {
        match message {
            ToUser::Join(session, after) => self.join(session, after, ctx),
            ToUser::Leave(id) => self.members.retain(|m| m.session.id() != id),
            ToUser::Durable(offset, frame) => {
                self.backlog.handled();
                self.durable(offset, &frame, ctx);
            }
            ToUser::Ordered(frame) => {
                self.backlog.handled();
                for member in &self.members {
                    if member.stage == Stage::Welcomed {
                        member.session.push(&frame);
                    }
                }
            }
            ToUser::Newest(offset) => {
                self.backlog.handled();
                self.told = self.told.max(offset);
                self.fill(ctx);
            }
            ToUser::Behind => {
                // Words that are left out from here on need another one.
                self.backlog.behind.store(false, Ordering::Release);
                for member in &mut self.members {
                    member.unsure = member.stage != Stage::Waiting;
                }
                self.fill(ctx);
            }
            ToUser::Heard => {
                self.heard = true;
                // Those who still wait will be told where the inbox stands after this moment.
                for member in &mut self.members {
                    member.unsure = member.stage != Stage::Waiting;
                }
                self.fill(ctx);
                self.admit_waiting(ctx);
            }
            ToUser::Stop => ctx.stop(),
        }
    }
}

impl Drop for UserActor {
    /// However the actor ends, nobody stays connected to nothing.
    fn drop(&mut self) {
        for member in &self.members {
            member.session.close(Close::Failed);
        }
    }
}

/// The counter is read first: entries that land between the two reads are then extra, never missing.
async fn look(store: &Store, user: UserId, after: Offset) -> Result<Option<Look>, StoreError> {
    let Some(head) = store.inbox_head(user).await? else {
        return Ok(None);
    };
    let entries = store.inbox_since(user, after, PAGE).await?;
    Ok(Some(Look { head, entries }))
}

/// What the store answered; why it did not is logged here.
fn known<T>(answer: Result<T, StoreError>) -> Result<T, ()> {
    answer.map_err(|error| warn!(%error, "an inbox could not be read"))
}
