//! The dashboard shows figures that are there, by labels that they have, and finds everything where compose puts it (B9).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::TimeDelta;
use serde_json::{Value, json};
use yaml_rust2::{Yaml, YamlLoader};

use super::{AWAITED, FOREIGN, described_in_catalogue, name_of, named, series};
use crate::branch::{open_branch, wish};
use crate::engine::{Fresh, on_both_engines};
use crate::eventually::eventually;
use crate::town::Town;

on_both_engines!(every_figure_of_the_dashboard_is_there_with_its_labels);

const DASHBOARD: &str = "deploy/grafana/dashboards/belfry.json";
/// Added by Prometheus, or made by an expression itself.
const MADE: [&str; 4] = ["le", "instance", "job", "class"];

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: &str) -> Yaml {
    YamlLoader::load_from_str(&file(path)).unwrap().remove(0)
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&file(DASHBOARD)).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

fn expressions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for panel in panels() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            all.push((text(&panel["title"]), text(&target["expr"])));
        }
    }
    all
}

/// The labels that an expression chooses or adds up by.
fn labels(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in expression.split("by (").skip(1) {
        let list = rest.split(')').next().unwrap();
        found.extend(list.split(',').map(|label| label.trim().to_owned()));
    }
    for rest in expression.split('{').skip(1) {
        let list = rest.split('}').next().unwrap();
        for one in list.split(',') {
            let label = one.split(['=', '!']).next().unwrap().trim();
            // `${1}` is a place in a replacement.
            if !label.chars().all(|c| c.is_ascii_digit()) {
                found.insert(label.to_owned());
            }
        }
    }
    found
}

#[test]
fn the_labels_of_an_expression_are_found() {
    let of = |text: &str| labels(text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(of("sum by (a, b) (x{c=\"1\",d=~\"2|3\"}) / y"), "a b c d");
    assert_eq!(of("label_replace(x, \"e\", \"${1}xx\", \"f\", \".\")"), "");
}

async fn every_figure_of_the_dashboard_is_there_with_its_labels(fresh: &Fresh) {
    let town = Town::open(fresh).await;
    let admin = town.admin().await;
    let branch = open_branch(&admin, json!({})).await;
    town.expert_with(json!({}), Some(&branch)).await;
    let client = town.client().await;
    let body = wish(&branch, "2027-03-02T10:00:00Z");
    client.post("/bookings", body).await.expect(201);
    // The next full sweep measures the branch; its welcome mail is on its way to the client meanwhile.
    town.clock.advance(TimeDelta::minutes(11));
    let wanted: BTreeSet<String> = expressions()
        .iter()
        .flat_map(|(_, expression)| named(expression))
        .collect();
    assert!(wanted.len() > 20, "{wanted:?}");
    let door = town.stranger();
    let page = eventually("every figure is there", async || {
        let page = door.get("/metrics").await.expect(200).text;
        let (values, _) = series(&page);
        let there: BTreeSet<&str> = values.keys().map(|series| name_of(series)).collect();
        let is_missing = |name: &&String| {
            // Counted when it happens first.
            let rare = *name == "belfry_store_refused_total" && described_in_catalogue(name);
            let later = AWAITED.iter().any(|awaited| name.starts_with(awaited));
            !rare && !later && !FOREIGN.contains(&name.as_str()) && !there.contains(name.as_str())
        };
        let missing: Vec<&String> = wanted.iter().filter(is_missing).collect();
        match missing.is_empty() {
            true => Ok(page),
            false => Err(format!("missing: {missing:?}")),
        }
    })
    .await;
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let (values, _) = series(&page);
    for series in values.keys() {
        let list = series.split_once('{').map_or("", |(_, rest)| rest);
        let names = list.split("\",").filter_map(|one| one.split_once("=\""));
        let of = known.entry(name_of(series)).or_default();
        of.extend(names.map(|(label, _)| label));
    }
    for (title, expression) in expressions() {
        let names = named(&expression);
        let has: BTreeSet<&str> = names
            .iter()
            .filter_map(|name| known.get(name.as_str()))
            .flatten()
            .copied()
            .collect();
        let is_open = names.iter().all(|name| !known.contains_key(name.as_str()));
        for label in labels(&expression) {
            assert!(
                is_open || MADE.contains(&label.as_str()) || has.contains(label.as_str()),
                "{title}: no figure of {expression} has the label {label}, only {has:?}"
            );
        }
    }
    town.close().await;
}

#[test]
fn every_panel_says_what_it_shows_and_stands_in_its_own_place() {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut titles = 0;
    for panel in panels() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_i64().unwrap()), "{title}");
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{title} lies on another");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        titles += 1;
        let said = panel["description"].as_str().unwrap_or_default();
        assert!(said.ends_with('.'), "{title} says nothing of itself");
        assert!(!panel["targets"].as_array().unwrap().is_empty(), "{title}");
    }
    assert!(titles > 20);
}

#[test]
fn compose_puts_everything_where_it_is_looked_for() {
    let compose = yaml("compose.yaml");
    let mounted = |service: &str, inside: &str| {
        let volumes = compose["services"][service]["volumes"].as_vec().unwrap();
        let all = volumes.iter().map(|volume| volume.as_str().unwrap());
        let mut found = all.filter_map(|volume| {
            let mut parts = volume.split(':');
            let (outside, place) = (parts.next()?, parts.next()?);
            (place == inside).then(|| outside.trim_start_matches("./").to_owned())
        });
        found
            .next()
            .unwrap_or_else(|| panic!("nothing at {inside}"))
    };
    // The image's own places.
    let rules = mounted("prometheus", "/etc/prometheus");
    let scrape = yaml(&format!("{rules}/prometheus.yml"));
    for named in scrape["rule_files"].as_vec().unwrap() {
        file(&format!("{rules}/{}", named.as_str().unwrap()));
    }
    let job = &scrape["scrape_configs"][0];
    // The rules know the nodes by it.
    assert_eq!(job["job_name"].as_str(), Some("belfry"));
    let hub = &job["dns_sd_configs"][0];
    let service = hub["names"][0].as_str().unwrap();
    assert!(!compose["services"][service]["build"].is_badvalue());
    let port = hub["port"].as_i64().unwrap();
    assert!(file("Dockerfile").contains(&format!("BELFRY_LISTEN=0.0.0.0:{port}")));

    let provisioning = mounted("grafana", "/etc/grafana/provisioning");
    let sources = yaml(&format!("{provisioning}/datasources/prometheus.yml"));
    let source = &sources["datasources"][0];
    let address = source["url"].as_str().unwrap();
    let host = address.trim_start_matches("http://").split(':').next();
    assert!(!compose["services"][host.unwrap()].is_badvalue());
    let providers = yaml(&format!("{provisioning}/dashboards/belfry.yml"));
    let folder = providers["providers"][0]["options"]["path"].as_str();
    let folder = mounted("grafana", folder.unwrap());
    assert_eq!(format!("{folder}/belfry.json"), DASHBOARD);
    for panel in panels() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"].as_str(), source["uid"].as_str());
        }
    }
    for optional in ["prometheus", "grafana"] {
        let profiles = &compose["services"][optional]["profiles"];
        assert_eq!(profiles[0].as_str(), Some("figures"), "{optional}");
    }
}
