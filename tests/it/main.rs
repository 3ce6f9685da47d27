//! Every behaviour from the outside, in one binary.

/// Accounts: opening one, staying signed in, getting back in.
mod account;
/// The alert rules, and the figures that they name.
mod alerts;
/// A week without an end.
mod always;
/// Keys for machines.
mod api_key;
/// Who changed what.
mod audit;
/// Bookings: the main story and its refusals.
mod booking;
/// Branches: hours, free slots, whom bookings are given to.
mod branch;
/// Free slots where the expert's actor is not.
mod cache;
/// The command line.
mod cli;
/// The public contract: the document and what the server really does are one.
mod contract;
/// The server process killed under load.
mod crash;
/// Claimed once, settled once, tried again, never lost from sight.
mod delivery;
/// What the demo holds, whenever it is filled.
mod demo;
/// Messages gathered for a day.
mod digest;
/// A server told to stop in the middle of everything.
mod drain;
/// A fresh store for every test, on either engine.
mod engine;
/// Waiting for what comes about in its own time.
mod eventually;
/// Experts: the list, the profile, free slots.
mod expert;
/// The calendar that a person subscribes to.
mod feed;
/// Bookings that share a transaction.
mod group_commit;
/// Group sessions and their seats.
mod group_session;
/// The same operations over gRPC.
mod grpc;
/// Booking without an account.
mod guest;
/// Repeated wishes, and the first answer to them.
mod idempotency;
/// Calendars that experts keep elsewhere.
mod import;
/// The inbox.
mod inbox;
/// The manifests for Kubernetes.
mod kubernetes;
/// What a house at rest must look like in its tables.
mod ledger;
/// Live connections.
mod live;
/// Mail over a real connection to a mail server.
mod mail;
/// Administrators who sign in through a provider.
mod oidc;
/// What the house leans on goes and comes back.
mod outage;
/// The outbox page's calls, and mail through a whole house.
mod outbox;
/// What is kept about people, given to them or forgotten.
mod person;
/// Every event is told once, in order, to both sides.
mod planning;
/// What people want to be told.
mod preference;
/// Who of the experts is there.
mod presence;
/// Push: devices, and what reaches them.
mod push;
/// The waiting queues of branches.
mod queue;
/// Many at once for the same time: one has it, nobody is lied to.
mod race;
/// Reminders, missed bookings and vanishing notifications as people see them.
mod reminder;
/// Figures over time, and files for spreadsheets.
mod report;
/// Rules as data: edited, tried, heeded.
mod rule;
/// Schedules: week and rules, overrides, time off, agenda.
mod schedule;
/// The clockwork: reminders, missed bookings, holds, archive.
mod scheduler;
/// Bookings that repeat.
mod series;
/// What administrators set for the house.
mod setting;
/// Text messages to phones.
mod sms;
/// A house with a planner, a bus that is written down, and a channel that does as it is told.
mod spine;
/// Servers on this machine that speak as the providers do.
mod standin;
/// The main story as both sides hear of it.
mod story;
/// Strangers: what the house takes from nobody.
mod stranger;
/// What hangs is given up, what is full refuses at once.
mod stuck;
/// Mails that come back, and where nothing is sent any more.
mod suppression;
/// The house's bot, from both ends.
mod telegram;
/// Administrators' own texts.
mod template;
/// The rules of the house that a test can hold.
mod tidy;
/// A whole house behind its real door, and people who knock.
mod town;
/// The link that stops mails of a kind.
mod unsubscribe;
/// Waiting lists.
mod waiting;
/// Servers of others that hear of events.
mod webhook;
/// Bookings whose clock an update of the zone database moves.
mod zone_data;
