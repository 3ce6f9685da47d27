//! Branches.

use std::sync::Arc;

use belfry_domain::branch::BranchSettings;
use belfry_domain::schedule::{Hours, Override, Weekday, Window};
use tonic::{Request, Response, Status};

use super::call::Call;
use super::field::named;
use super::v1;
use super::v1::branch_service_server::BranchService;
use crate::http::App;
use crate::http::branch::{BranchOut, ListQuery, branch, found};

/// Whose calls these are.
pub struct BranchDesk(pub Arc<App>);

#[tonic::async_trait]
impl BranchService for BranchDesk {
    async fn get_branch(
        &self,
        request: Request<v1::GetBranchRequest>,
    ) -> Result<Response<v1::Branch>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let handled = async {
            let found = branch(&call.app, named(&message.id)?).await?;
            Ok(BranchOut::from(found).into())
        };
        call.answer(handled).await
    }

    async fn list_branches(
        &self,
        request: Request<v1::ListBranchesRequest>,
    ) -> Result<Response<v1::ListBranchesResponse>, Status> {
        let (call, message) = Call::of(&self.0, request);
        let query = ListQuery {
            query: message.query,
            closed: message.closed,
            limit: message.limit,
            after: message.after,
        };
        let handled = async {
            let page = found(&call.app, query).await?;
            Ok(v1::ListBranchesResponse {
                items: page.items.into_iter().map(v1::Branch::from).collect(),
                next: page.next,
            })
        };
        call.answer(handled).await
    }
}

/// Every member is named, so that none that REST gets is forgotten here.
impl From<BranchOut> for v1::Branch {
    fn from(branch: BranchOut) -> Self {
        let BranchOut {
            id,
            name,
            address,
            phone,
            time_zone,
            active,
            weekly,
            overrides,
            settings,
            rating,
            review_count,
            version,
        } = branch;
        Self {
            id: id.to_string(),
            name,
            address,
            phone,
            time_zone: time_zone.to_owned(),
            active,
            weekly: weekly.map(|weekly| v1::Week {
                windows: weekly.into_iter().map(v1::Window::from).collect(),
            }),
            overrides: overrides.into_iter().map(v1::DateHours::from).collect(),
            settings: Some(settings.into()),
            rating,
            review_count,
            version,
        }
    }
}

impl From<Window> for v1::Window {
    fn from(window: Window) -> Self {
        Self {
            weekday: weekday(window.weekday).to_owned(),
            from: window.from.to_string(),
            until: window.until.to_string(),
            valid_from: window.valid_from.map(|date| date.to_string()),
            valid_until: window.valid_until.map(|date| date.to_string()),
        }
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

impl From<Override> for v1::DateHours {
    fn from(day: Override) -> Self {
        let hours = |hours: Hours| v1::Hours {
            from: hours.from.to_string(),
            until: hours.until.to_string(),
        };
        Self {
            date: day.date.to_string(),
            intervals: day.intervals.into_iter().map(hours).collect(),
        }
    }
}

impl From<BranchSettings> for v1::BranchSettings {
    fn from(settings: BranchSettings) -> Self {
        let BranchSettings {
            default_minutes,
            horizon_days,
            min_notice_minutes,
            queue_timeout_minutes,
            max_load,
            presence_minutes,
            strategy,
            half_life_days,
            most_waiting,
            offer_minutes,
        } = settings;
        Self {
            default_minutes: default_minutes.into(),
            horizon_days: horizon_days.into(),
            min_notice_minutes,
            queue_timeout_minutes,
            max_load: max_load.map(Into::into),
            presence_minutes,
            strategy: strategy.as_str().to_owned(),
            half_life_days: half_life_days.into(),
            most_waiting: most_waiting.into(),
            offer_minutes: offer_minutes.into(),
        }
    }
}
