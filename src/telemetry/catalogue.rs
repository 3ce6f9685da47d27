//! Every figure of the house by name, with what it means and the labels it may have.
//!
//! What stands here is described on `/metrics` and, where its labels are known beforehand, is there from the
//! start: a rule about it need not tell "never happened" from "nobody counts". A test holds the list against
//! the sources.

use metrics::{Label, counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// How a figure behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Many values, by size.
    Histogram,
}

/// One figure.
#[derive(Debug)]
pub struct Figure {
    pub kind: Kind,
    pub name: &'static str,
    pub help: &'static str,
    /// A label and its values, where all are known.
    labels: Option<(&'static str, &'static [&'static str])>,
    /// Other labels are added when it happens.
    open: bool,
}

const fn figure(kind: Kind, name: &'static str, help: &'static str) -> Figure {
    Figure {
        kind,
        name,
        help,
        labels: None,
        open: false,
    }
}

impl Figure {
    const fn by(self, label: &'static str, values: &'static [&'static str]) -> Self {
        Self {
            labels: Some((label, values)),
            ..self
        }
    }

    const fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

use Kind::{Counter, Gauge, Histogram};

/// The channels by name.
const CHANNELS: [&str; 6] = ["email", "telegram", "sms", "fcm", "web_push", "webhook"];

/// Why a wish for a booking is refused: the codes of the contract, and `failed` for a fault of the house.
const REFUSALS: [&str; 13] = [
    "slot-taken",
    "client-busy",
    "slot-not-offered",
    "series-not-free",
    "session-full",
    "session-closed",
    "offer-gone",
    "too-many-open",
    "stale",
    "not-found",
    "forbidden",
    "unavailable",
    "failed",
];

/// Every figure, in the order of what it is about.
pub const ALL: &[Figure] = &[
    // Requests.
    figure(
        Histogram,
        "belfry_http_request_seconds",
        "Time from the head of a request to the head of its answer, by method, route and status.",
    ),
    figure(
        Histogram,
        "belfry_grpc_request_seconds",
        "Time from the head of a gRPC call to the head of its answer, by method and code.",
    ),
    figure(
        Gauge,
        "belfry_grpc_watches",
        "Streams over gRPC that watch a queue, a visit or a branch's presence.",
    ),
    figure(
        Counter,
        "belfry_http_late_answers_total",
        "Requests that were answered 503 because their handler took too long.",
    ),
    figure(
        Counter,
        "belfry_refused_total",
        "Calls refused at once because a line was full.",
    )
    .by("by", &["expert", "passwords", "group_commit"]),
    // The store.
    figure(Gauge, "belfry_pool_lent", "Database connections in use.").open(),
    figure(
        Gauge,
        "belfry_pool_most",
        "Database connections that there may be.",
    )
    .open(),
    figure(
        Gauge,
        "belfry_pool_waiting",
        "Store calls that wait for a connection.",
    )
    .open(),
    figure(
        Counter,
        "belfry_store_refused_total",
        "Store calls refused because the line was full or the wait too long.",
    )
    .open(),
    figure(
        Counter,
        "belfry_store_timeouts_total",
        "Statements and transactions given up because the database did not answer in time.",
    ),
    figure(
        Gauge,
        "belfry_database_up",
        "1 while PostgreSQL answers this node, 0 while it does not; absent on SQLite.",
    )
    .open(),
    figure(
        Gauge,
        "belfry_figures_read_timestamp_seconds",
        "When the figures about queues were last read from the database, in seconds since 1970.",
    ),
    // The waiting queues of branches.
    figure(
        Histogram,
        "belfry_queue_wait_seconds",
        "How long people waited in the line of a branch until they were called; an appointment from its time on.",
    ),
    figure(
        Gauge,
        "belfry_queue_waiting",
        "People who wait in the line of a branch, on the node that keeps it.",
    )
    .open(),
    figure(
        Counter,
        "belfry_queue_offers_total",
        "Offers made to those who wait in the lines of branches.",
    ),
    // Bookings.
    figure(
        Counter,
        "belfry_bookings_created_total",
        "Bookings made on this node, by what was asked: an expert, a branch, a series, a seat of a session, an offer.",
    )
    .by("by", &["expert", "branch", "series", "session", "offer"]),
    figure(
        Counter,
        "belfry_bookings_refused_total",
        "Wishes for a booking that came to nothing on this node, by the code of the refusal.",
    )
    .by("reason", &REFUSALS),
    figure(
        Histogram,
        "belfry_bookings_per_commit",
        "Bookings written in one transaction.",
    ),
    figure(
        Counter,
        "belfry_bookings_clock_moved_total",
        "Bookings whose clock shows another time since the zone database was updated.",
    ),
    figure(
        Counter,
        "belfry_bookings_missed_total",
        "Bookings that nobody confirmed before their start.",
    ),
    figure(
        Gauge,
        "belfry_bookings_oldest_unanswered_seconds",
        "How long the first booking that is still pending is past its start.",
    ),
    figure(
        Gauge,
        "belfry_holds_oldest_expired_seconds",
        "How long ago the oldest hold ran out that is not swept yet.",
    ),
    figure(
        Gauge,
        "belfry_idempotency_keys_running",
        "Requests with an idempotency key under way on all nodes; stops counting at 10000.",
    ),
    figure(
        Counter,
        "belfry_slot_cache_lookups_total",
        "Questions to the slot cache.",
    )
    .by("outcome", &["hit", "miss"]),
    figure(
        Counter,
        "belfry_slot_cache_lost_bumps_total",
        "Changes that the slot cache was not told of: its answers may be a minute old.",
    ),
    // Branches.
    figure(
        Gauge,
        "belfry_branch_booked_minutes",
        "Minutes of the experts' time that are booked, by branch, over so many dates from today; from the last sweep.",
    )
    .open(),
    figure(
        Gauge,
        "belfry_branch_open_minutes",
        "Minutes for which the experts can be booked, by branch, over so many dates from today; from the last sweep.",
    )
    .open(),
    // Events and reminders.
    figure(
        Gauge,
        "belfry_events_unplanned",
        "Events that nobody was told of yet; stops counting at 10000.",
    ),
    figure(
        Gauge,
        "belfry_events_oldest_unplanned_seconds",
        "How long the oldest event has been waiting for the planner.",
    ),
    figure(
        Gauge,
        "belfry_events_parked",
        "Events that were set aside because they cannot be planned; stops counting at 10000.",
    ),
    figure(Counter, "belfry_events_planned_total", "Events planned."),
    figure(Counter, "belfry_events_parked_total", "Events set aside."),
    figure(
        Gauge,
        "belfry_reminders_oldest_due_seconds",
        "How long the oldest reminder that was not announced is due.",
    ),
    figure(
        Counter,
        "belfry_reminders_issued_total",
        "Reminders announced.",
    ),
    figure(
        Counter,
        "belfry_places_offered_total",
        "Slots held for whoever waited longest.",
    ),
    figure(
        Counter,
        "belfry_assignments_fallen_through_total",
        "Experts whom a branch chose and who had been taken in that moment; the next one was asked.",
    ),
    // Calendars kept elsewhere.
    figure(
        Gauge,
        "belfry_imports_oldest_due_seconds",
        "How long the oldest calendar that is to be read is due.",
    ),
    figure(
        Counter,
        "belfry_imports_total",
        "Readings of calendars kept elsewhere, by how they ended.",
    )
    .by("outcome", &["read", "unchanged", "failed"]),
    figure(
        Counter,
        "belfry_import_conflicts_total",
        "Bookings found on which busy time of such a calendar falls.",
    ),
    // Deliveries.
    figure(
        Gauge,
        "belfry_deliveries_oldest_due_seconds",
        "How long the oldest delivery that waits for a courier is due.",
    )
    .by("channel", &CHANNELS),
    figure(
        Gauge,
        "belfry_deliveries_dead",
        "Deliveries that were given up; stops counting at 10000.",
    )
    .by("channel", &CHANNELS),
    figure(
        Gauge,
        "belfry_deliveries_ambiguous",
        "Deliveries of which nobody knows whether they arrived; stops counting at 10000.",
    )
    .by("channel", &CHANNELS),
    figure(
        Counter,
        "belfry_deliveries_total",
        "Attempts to deliver, by channel, provider and outcome.",
    )
    .open(),
    figure(
        Histogram,
        "belfry_delivery_seconds",
        "Time that an attempt to deliver took, by channel and provider.",
    ),
    figure(
        Gauge,
        "belfry_provider_broken",
        "1 while a provider is not called because it failed too often or turned us away, by channel and provider.",
    )
    .open(),
    figure(
        Gauge,
        "belfry_provider_pause_seconds",
        "How long the pause still lasts that a provider asked for, by channel and provider.",
    )
    .open(),
    figure(
        Counter,
        "belfry_sms_parts_total",
        "Parts of text messages that a provider took, by their encoding; each part is paid for.",
    )
    .open(),
    // The scheduler.
    figure(
        Gauge,
        "belfry_scheduler_leading",
        "1 on the node that holds the scheduler's lease.",
    ),
    figure(
        Gauge,
        "belfry_scheduler_lease_seconds",
        "How long the lease lasts, whoever holds it; negative when it has run out.",
    ),
    figure(
        Gauge,
        "belfry_sweep_age_seconds",
        "How long ago the last full sweep was done in which nothing failed.",
    ),
    figure(
        Counter,
        "belfry_sweeps_total",
        "Full sweeps done by this node.",
    ),
    // Live connections and the bus.
    figure(
        Gauge,
        "belfry_live_connections",
        "Live connections on this node.",
    ),
    figure(
        Counter,
        "belfry_live_false_offsets_total",
        "Offsets that were announced and are not in the inbox.",
    ),
    figure(
        Counter,
        "belfry_live_backlogs_total",
        "Times that words for a person were left out because too many waited; the database was asked instead.",
    ),
    figure(
        Gauge,
        "belfry_bus_up",
        "1 while messages pass between the nodes.",
    ),
    figure(
        Counter,
        "belfry_bus_messages_total",
        "Messages heard on the bus.",
    ),
    figure(
        Counter,
        "belfry_bus_lost_messages_total",
        "Messages that could not be published on the bus.",
    ),
    figure(
        Counter,
        "belfry_bus_unusable_messages_total",
        "Messages on the bus that make no sense.",
    ),
];

/// Describes every figure and lets those be seen that have not happened yet.
pub fn announce() {
    for figure in ALL {
        match figure.kind {
            Kind::Counter => describe_counter!(figure.name, figure.help),
            Kind::Gauge => describe_gauge!(figure.name, figure.help),
            Kind::Histogram => describe_histogram!(figure.name, figure.help),
        }
        if figure.open {
            continue;
        }
        let series: Vec<Vec<Label>> = match figure.labels {
            None => vec![Vec::new()],
            Some((label, values)) => values
                .iter()
                .map(|value| vec![Label::from_static_parts(label, value)])
                .collect(),
        };
        for labels in series {
            match figure.kind {
                Kind::Counter => counter!(figure.name, labels).increment(0),
                Kind::Gauge => gauge!(figure.name, labels).increment(0.0),
                Kind::Histogram => {}
            }
        }
    }
}
