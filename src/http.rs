//! Everything over HTTP: the application's state and, on one screen, all of its routes.

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use belfry_actors::expert::Committed;
use belfry_actors::importer::Importer;
use belfry_actors::planner::Planner;
use belfry_actors::scheduler::Nudge;
use belfry_actors::{Attendance, Branches, Courier, Experts, Queues, Supervisor, World};
use belfry_domain::template::Templates;
use belfry_store::idempotency::IdempotencyKey;
use dashmap::DashSet;

use crate::channel::{Oidc, Outbound};
use crate::config::Settings;
use crate::http::auth::Gate;
use crate::http::figures::Figures;
use crate::http::limit::Limiter;
use crate::links::PublicLinks;
use crate::password::Passwords;
use crate::seal::Seal;
use crate::telegram::Chats;
use crate::token::Tokens;

/// Accounts and sessions.
pub mod account;
/// What administrators decide about people.
pub mod admin;
/// Keys for machines.
pub mod api_key;
/// The contract of the live connections as a document.
pub mod asyncapi;
/// Who changed what.
pub mod audit;
/// Who is calling.
pub mod auth;
/// Bookings.
pub mod booking;
/// Branches.
pub mod branch;
/// Files for spreadsheets.
pub mod csv;
/// The outbox.
pub mod delivery;
/// The apps and browsers in which somebody is told by push.
pub mod device;
/// Versions of single resources.
pub mod etag;
/// Experts.
pub mod expert;
/// Why somebody was told, or was not.
pub mod explain;
/// The calendar that a person subscribes to.
pub mod feed;
/// The figures that are read when somebody looks at them.
pub mod figures;
/// Group sessions.
pub mod group_session;
/// Repeated creating calls.
pub mod idempotency;
/// Calendars that an expert keeps elsewhere.
pub mod import;
/// The inbox.
pub mod inbox;
/// Reading what callers send.
pub mod input;
/// What every answer has.
pub mod layer;
/// What a caller is still sending when the answer is known.
pub mod leftover;
/// Rate limits.
pub mod limit;
/// Live connections: WebSocket and its fallback.
pub mod live;
/// Somebody or something by its id and name.
pub mod named;
/// Signing in through an OpenID Connect provider.
pub mod oidc;
/// The contract as a document.
pub mod openapi;
/// Health, readiness, figures.
pub mod operation;
/// Lists.
pub mod page;
/// The web app.
pub mod pages;
/// Events that could not be planned.
pub mod parked;
/// Connections that nobody may hold up.
pub mod patient;
/// What a person wants to be told.
pub mod preference;
/// Every error answer.
pub mod problem;
/// Those who take our messages.
pub mod provider;
/// Waiting queues of branches.
pub mod queue;
/// Figures over time.
pub mod report;
/// The rules that turn events into notifications.
pub mod rule;
/// Schedules.
pub mod schedule;
/// Which scope a key needs for which call.
pub mod scope;
/// Bookings that repeat.
pub mod series;
/// The listening server, with the sockets taken over after their upgrade.
pub mod server;
/// What administrators set for the house, and what its operator configured.
pub mod setting;
/// Addresses to which nothing is sent any more, and the reports that lead there.
pub mod suppression;
/// Connecting Telegram chats, and what Telegram calls.
pub mod telegram;
/// The texts people receive.
pub mod template;
/// Short-lived admission to a live connection.
pub mod ticket;
/// The link that stops mails of a kind.
pub mod unsubscribe;
/// Waiting lists.
pub mod waiting;
/// Webhooks, for administrators.
pub mod webhook;

/// What every handler may use.
pub struct App {
    pub world: World,
    pub settings: Arc<Settings>,
    pub supervisor: Supervisor,
    /// To wake when a message is to be sent again.
    pub couriers: Vec<Courier>,
    pub experts: Experts,
    pub branches: Branches,
    pub queues: Queues,
    /// Who of the experts is there.
    pub attendance: Attendance,
    /// Wakes the planner after a commit.
    pub committed: Committed,
    /// To try a rule before it is kept.
    pub planner: Planner,
    /// Wakes the scheduler when a reminder was planned.
    pub scheduler: Nudge,
    pub gate: Gate,
    pub tokens: Tokens,
    pub passwords: Passwords,
    /// The provider through which administrators sign in, if there is one.
    pub oidc: Option<Oidc>,
    /// Closes what a browser keeps while it is there.
    pub departures: Seal,
    /// The conversations of the house's bot, if it has one.
    pub chats: Option<Arc<Chats>>,
    pub figures: Figures,
    /// Addresses that lead here.
    pub links: Arc<PublicLinks>,
    /// The built-in words, for pages that need no log-in.
    pub templates: Arc<Templates>,
    pub limiter: Limiter,
    /// Reads calendars kept elsewhere; to wake when one is named.
    pub importer: Importer,
    /// Closes what they are got at with.
    pub seal: Seal,
    /// Keys of requests that have ended, which the database could not be told of yet.
    pub unsettled: Arc<DashSet<IdempotencyKey>>,
    /// What is known of the ways to devices and servers of others.
    pub outbound: Outbound,
    pub content_security_policy: String,
}

/// All routes. Each is a resource of its own, so that another method is answered 405 and not 404.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(web::scope("/api/v1").configure(api))
        .service(web::resource("/healthz").get(operation::health))
        .service(web::resource("/readyz").get(operation::ready))
        .service(web::resource("/metrics").get(operation::figures))
        .service(web::resource("/openapi.json").get(openapi::get))
        .service(web::resource("/asyncapi.json").get(asyncapi::get))
        .service(web::resource("/ws").get(live::not_upgraded))
        .service(web::resource("/hooks/telegram").post(telegram::hook))
        .service(web::resource("/docs").get(openapi::docs))
        .service(openapi::viewer())
        .service(web::resource("/problems/{slug}").get(pages::problem))
        .service(web::resource("/calendar/{secret}.ics").get(feed::file))
        .service(
            web::resource("/unsubscribe/{token}")
                .get(unsubscribe::get)
                .post(unsubscribe::post),
        )
        .service(web::resource("/static/{path:.*}").get(pages::file))
        .default_service(web::to(pages::app));
}

fn api(config: &mut ServiceConfig) {
    // Accounts.
    config
        .service(web::resource("/auth/register").post(account::register))
        .service(web::resource("/auth/login").post(account::login))
        .service(web::resource("/auth/refresh").post(account::refresh))
        .service(web::resource("/auth/logout").post(account::logout))
        .service(web::resource("/auth/password/forgot").post(account::mailed_link::forgot_password))
        .service(web::resource("/auth/password/reset").post(account::mailed_link::reset_password))
        .service(web::resource("/auth/email/verify").post(account::mailed_link::verify_email))
        .service(web::resource("/auth/oidc").get(oidc::get))
        .service(web::resource("/auth/oidc/start").post(oidc::start))
        .service(web::resource("/auth/oidc/callback").post(oidc::callback))
        .service(web::resource("/me/sign-ins").get(oidc::link::list))
        .service(web::resource("/me/sign-ins/{id}").delete(oidc::link::unlink))
        .service(
            web::resource("/me")
                .get(account::profile::get_me)
                .patch(account::profile::update_me)
                .delete(account::person::erase_me),
        )
        .service(web::resource("/me/export").get(account::person::export))
        .service(
            web::resource("/me/avatar")
                .put(account::profile::set_avatar)
                .delete(account::profile::delete_avatar),
        )
        .service(
            web::resource("/me/preferences")
                .get(preference::get)
                .put(preference::put),
        )
        .service(web::resource("/me/ways").get(preference::ways))
        .service(
            web::resource("/me/telegram")
                .get(telegram::get)
                .post(telegram::create_code)
                .delete(telegram::unlink),
        )
        .service(
            web::resource("/me/calendar-feed")
                .get(feed::get)
                .post(feed::create)
                .delete(feed::remove),
        )
        .service(
            web::resource("/me/devices")
                .get(device::list)
                .post(device::register),
        )
        .service(web::resource("/me/devices/{id}").delete(device::forget))
        .service(web::resource("/push/key").get(device::key))
        .service(web::resource("/users/{id}/avatar").get(account::profile::get_avatar));
    // Experts.
    config
        .service(web::resource("/experts").get(expert::list))
        .service(
            web::resource("/experts/{id}")
                .get(expert::get)
                .patch(expert::update),
        )
        .service(web::resource("/experts/{id}/slots").get(expert::slots))
        .service(web::resource("/experts/{id}/slots/explain").get(schedule::explain::get))
        .service(web::resource("/experts/{id}/presence").put(expert::set_presence))
        .service(web::resource("/experts/{id}/reviews").get(expert::reviews))
        .service(
            web::resource("/experts/{id}/schedule")
                .get(schedule::get)
                .put(schedule::put),
        )
        .service(web::resource("/experts/{id}/overrides").get(schedule::list_overrides))
        .service(
            web::resource("/experts/{id}/overrides/{date}")
                .put(schedule::put_override)
                .delete(schedule::delete_override),
        )
        .service(
            web::resource("/experts/{id}/time-off")
                .get(schedule::list_time_off)
                .post(schedule::create_time_off),
        )
        .service(
            web::resource("/experts/{id}/time-off/{time_off_id}").delete(schedule::delete_time_off),
        )
        .service(
            web::resource("/experts/{id}/holidays")
                .get(schedule::holiday::get)
                .put(schedule::holiday::put),
        )
        .service(
            web::resource("/experts/{id}/imports")
                .get(import::list)
                .post(import::create),
        )
        .service(web::resource("/experts/{id}/imports/{import_id}").delete(import::remove))
        .service(web::resource("/experts/{id}/imports/{import_id}/refresh").post(import::refresh))
        .service(web::resource("/experts/{id}/agenda").get(schedule::agenda));
    // Branches.
    config
        .service(
            web::resource("/branches")
                .get(branch::list)
                .post(branch::create),
        )
        .service(
            web::resource("/branches/{id}")
                .get(branch::get)
                .patch(branch::update),
        )
        .service(web::resource("/branches/{id}/slots").get(branch::slots))
        .service(web::resource("/branches/{id}/days").get(branch::days))
        .service(web::resource("/branches/{id}/day").get(branch::day::get))
        .service(
            web::resource("/branches/{id}/queue")
                .get(queue::get)
                .post(queue::join),
        )
        .service(web::resource("/bookings/{id}/check-in").post(queue::check_in))
        .service(web::resource("/visits/{id}").get(queue::visit::get))
        .service(web::resource("/visits/{id}/history").get(queue::visit::history))
        .service(web::resource("/visits/{id}/leave").post(queue::visit::leave))
        .service(web::resource("/visits/{id}/accept-offer").post(queue::visit::accept_offer))
        .service(web::resource("/visits/{id}/decline-offer").post(queue::visit::decline_offer))
        .service(web::resource("/visits/{id}/accept").post(queue::visit::accept))
        .service(web::resource("/visits/{id}/start").post(queue::visit::start))
        .service(web::resource("/visits/{id}/finish").post(queue::visit::finish))
        .service(web::resource("/visits/{id}/skip").post(queue::visit::skip))
        .service(web::resource("/visits/{id}/recall").post(queue::visit::recall))
        .service(web::resource("/visits/{id}/no-show").post(queue::visit::no_show))
        .service(web::resource("/visits/{id}/transfer").post(queue::visit::transfer))
        .service(web::resource("/branches/{id}/statistics").get(branch::statistics::get))
        .service(web::resource("/branches/{id}/statistics.csv").get(branch::statistics::file));
    // Bookings.
    config
        .service(web::resource("/holds").post(booking::hold))
        .service(web::resource("/holds/{id}").delete(booking::release))
        .service(
            web::resource("/bookings")
                .get(booking::list::list)
                .post(booking::create),
        )
        .service(web::resource("/bookings.csv").get(booking::list::file))
        .service(web::resource("/bookings/lookup").post(booking::lookup::find))
        .service(web::resource("/bookings/lookup/link").post(booking::lookup::by_link))
        .service(web::resource("/bookings/lookup/otp").post(booking::otp::ask))
        .service(web::resource("/bookings/lookup/otp/show").post(booking::otp::show))
        .service(web::resource("/bookings/claim").post(booking::guest::claim))
        .service(web::resource("/bookings/lookup/cancel").post(booking::lookup::cancel))
        .service(
            web::resource("/bookings/{id}")
                .get(booking::get)
                .patch(booking::steps::edit),
        )
        .service(web::resource("/bookings/{id}/confirm").post(booking::steps::confirm))
        .service(web::resource("/bookings/{id}/reject").post(booking::steps::reject))
        .service(web::resource("/bookings/{id}/cancel").post(booking::steps::cancel))
        .service(web::resource("/bookings/{id}/complete").post(booking::steps::complete))
        .service(web::resource("/bookings/{id}/miss").post(booking::steps::miss))
        .service(web::resource("/bookings/{id}/keep").post(booking::steps::keep))
        .service(web::resource("/bookings/{id}/reschedule").post(booking::steps::reschedule))
        .service(
            web::resource("/bookings/{id}/follow")
                .put(booking::follow)
                .delete(booking::unfollow),
        )
        .service(web::resource("/bookings/{id}/assignment").get(booking::assignment::get))
        .service(web::resource("/bookings/{id}/history").get(booking::history))
        .service(web::resource("/bookings/{id}/calendar.ics").get(booking::calendar))
        .service(web::resource("/bookings/{id}/review").post(booking::steps::review));
    // Group sessions.
    config
        .service(
            web::resource("/experts/{id}/sessions")
                .get(group_session::list)
                .post(group_session::create),
        )
        .service(
            web::resource("/sessions/{id}")
                .get(group_session::get)
                .patch(group_session::edit),
        )
        .service(web::resource("/sessions/{id}/cancel").post(group_session::cancel))
        .service(web::resource("/sessions/{id}/waiting-list").post(group_session::wait));
    // Series.
    config
        .service(web::resource("/series").post(series::create))
        .service(web::resource("/series/preview").post(series::preview))
        .service(web::resource("/series/{id}").get(series::get))
        .service(web::resource("/series/{id}/confirm").post(series::confirm))
        .service(web::resource("/series/{id}/reject").post(series::reject))
        .service(web::resource("/series/{id}/cancel").post(series::cancel));
    // Waiting lists.
    config
        .service(web::resource("/experts/{id}/waiting-list").post(waiting::join))
        .service(web::resource("/waiting-list").get(waiting::list))
        .service(
            web::resource("/waiting-list/{id}")
                .get(waiting::get)
                .delete(waiting::leave),
        )
        .service(web::resource("/waiting-list/{id}/accept").post(waiting::accept))
        .service(web::resource("/waiting-list/{id}/decline").post(waiting::decline))
        .service(web::resource("/waiting-list/{id}/history").get(waiting::history));
    // Inbox and live connections.
    config
        .service(web::resource("/notifications").get(inbox::list))
        .service(web::resource("/notifications/unread-count").get(inbox::unread_count))
        .service(web::resource("/notifications/read-all").post(inbox::read_all))
        .service(web::resource("/notifications/{id}").delete(inbox::delete))
        .service(web::resource("/notifications/{id}/read").post(inbox::read))
        .service(web::resource("/live/ticket").post(live::create_ticket))
        .service(web::resource("/live/events").get(live::events::stream));
    // Administration.
    config
        .service(web::resource("/house").get(setting::house))
        .service(
            web::resource("/admin/settings")
                .get(setting::get)
                .put(setting::put),
        )
        .service(web::resource("/admin/settings/configured").get(setting::configured))
        .service(web::resource("/admin/users").get(admin::list_people))
        .service(web::resource("/admin/users.csv").get(admin::people_file))
        .service(
            web::resource("/admin/users/{id}")
                .get(admin::get_person)
                .patch(admin::govern_person)
                .delete(account::person::erase),
        )
        .service(
            web::resource("/admin/api-keys")
                .get(api_key::list)
                .post(api_key::create),
        )
        .service(
            web::resource("/admin/api-keys/{id}")
                .get(api_key::get)
                .delete(api_key::revoke),
        )
        .service(web::resource("/admin/audit").get(audit::list))
        .service(web::resource("/admin/deliveries").get(delivery::list))
        .service(web::resource("/admin/deliveries/retry").post(delivery::retry_all))
        .service(web::resource("/admin/providers").get(provider::list))
        .service(web::resource("/admin/deliveries/{id}").get(delivery::get))
        .service(web::resource("/admin/deliveries/{id}/retry").post(delivery::retry))
        .service(web::resource("/admin/events").get(explain::list_events))
        .service(web::resource("/admin/explain").get(explain::explain))
        .service(web::resource("/admin/overview").get(report::overview::overview))
        .service(web::resource("/admin/reports/weekly").get(report::weekly))
        .service(web::resource("/admin/reports/weekly.csv").get(report::weekly_file))
        .service(
            web::resource("/admin/rules")
                .get(rule::list)
                .post(rule::create),
        )
        .service(web::resource("/admin/rules/try").post(rule::rehearse))
        .service(
            web::resource("/admin/rules/{id}")
                .get(rule::get)
                .put(rule::put),
        )
        .service(web::resource("/admin/rules/{id}/versions").get(rule::versions))
        .service(web::resource("/admin/rules/{id}/reset").post(rule::reset))
        .service(web::resource("/admin/suppressions").get(suppression::list))
        .service(web::resource("/admin/suppressions/{channel}/{address}").delete(suppression::lift))
        .service(web::resource("/admin/templates").get(template::list))
        .service(
            web::resource("/admin/templates/{kind}/{channel}/{language}")
                .get(template::get)
                .put(template::put)
                .delete(template::delete),
        )
        .service(
            web::resource("/admin/templates/{kind}/{channel}/{language}/preview")
                .post(template::preview),
        )
        .service(web::resource("/mail/bounces").post(suppression::bounce))
        .service(
            web::resource("/admin/webhooks")
                .get(webhook::list)
                .post(webhook::create),
        )
        .service(
            web::resource("/admin/webhooks/{id}")
                .get(webhook::get)
                .patch(webhook::edit)
                .delete(webhook::remove),
        )
        .service(web::resource("/admin/webhooks/{id}/rotate").post(webhook::rotate))
        .service(web::resource("/admin/webhooks/{id}/test").post(webhook::log::test))
        .service(web::resource("/admin/webhooks/{id}/deliveries").get(webhook::log::deliveries))
        .service(web::resource("/admin/webhooks/{id}/replay").post(webhook::log::replay))
        .service(web::resource("/admin/parked-events").get(parked::list))
        .service(web::resource("/admin/parked-events/{id}/retry").post(parked::replan));
}
