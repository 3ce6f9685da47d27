//! Decides: the pure types and rules of Belfry. Nothing here waits, stores, sends or reads the clock;
//! time is always an argument.

/// People: roles, names, addresses, and what is required of them.
pub mod account;
/// Keys for machines: what one may do, and what one looks like.
pub mod api_key;
/// Whom a booking at a branch is given to.
pub mod assignment;
/// Bookings: their statuses and the one table of allowed moves.
pub mod booking;
/// How an expert lets their time be booked: lengths, grid, buffers, notice, horizon, caps.
pub mod booking_rules;
/// Branches: where experts work, and how they are booked there.
pub mod branch;
/// Calendar files and the invitations made of them.
pub mod calendar;
/// The ways out of the house.
pub mod channel;
/// Things that recur by a cron expression, on the clock of a zone.
pub mod cron;
/// Deliveries: one message to one address by one channel, from planned to sent or given up.
pub mod delivery;
/// What happened: the events that carry every change to those concerned.
pub mod event;
/// Experts as the public sees them.
pub mod expert;
/// What is wrong with one field of an input.
pub mod field;
/// What stands between a message and its reader.
pub mod gate;
/// Time that an expert offers to several people at once.
pub mod group_session;
/// Public holidays by country and region.
pub mod holiday;
/// Identifiers: newtypes over UUIDv7.
pub mod id;
/// Busy time read from calendars that somebody keeps elsewhere.
pub mod import;
/// The inbox: what a person was told, numbered so that a dropped connection can be resumed.
pub mod inbox;
/// Half-open stretches of whole seconds.
mod interval;
/// One reader's words about one event.
mod letter;
/// Who is told what, and how.
pub mod notification;
/// The UTC offsets of a zone over a stretch of time.
mod offsets;
/// Who is let in that an OpenID Connect provider vouches for.
pub mod oidc;
/// What a person wants to be told on which channel.
pub mod preference;
/// Own texts, tried before they are kept.
pub mod proof;
/// The waiting queue of a branch: who waits, whose turn it is, and how long it will take.
pub mod queue;
/// When people are told that their booking is near.
pub mod reminder;
/// How long things are kept.
pub mod retention;
/// The rules that turn an event into notifications, as data.
pub mod rule;
/// Made-up events, to try rules and texts on.
pub mod sample;
/// When an expert works: weekly windows, overrides, time off.
pub mod schedule;
/// What administrators set for the house while it runs.
pub mod setting;
/// Which times of an expert are free.
pub mod slot;
/// Text messages: their alphabet and their length.
pub mod sms;
/// The texts people receive, per language.
pub mod template;
/// Text that people type, made safe to keep and show.
pub mod text;
/// What a live connection can listen to besides its own inbox.
pub mod topic;
/// Who waits for a place, and which place is whose turn.
pub mod waiting;
/// Between the clock on the wall of a zone and instants.
pub mod wall;
/// Servers of others that hear of events.
pub mod webhook;
/// Instants and lengths as people read them, in their language and zone.
pub mod when;
/// Texts that Zalo has approved, and what fills their gaps.
pub mod zns;

use chrono::{DateTime, SubsecRound, Utc};

/// An instant in UTC with microsecond resolution, the finest both database engines keep.
pub type Instant = DateTime<Utc>;

/// Cuts what the database would not keep, so that a value read back equals the value written.
pub fn to_micros(instant: Instant) -> Instant {
    instant.trunc_subsecs(6)
}
