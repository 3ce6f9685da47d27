//! Every figure that the sources count stands in the catalogue, and none stands there that nobody counts.

use std::collections::BTreeSet;

use belfry::telemetry::catalogue;

use super::{SHIPPED, none, rust};

const PREFIX: &str = "\"belfry_";
const CATALOGUE: &str = "src/telemetry/catalogue.rs";

#[test]
fn every_figure_is_in_the_catalogue() {
    let known: BTreeSet<&str> = catalogue::ALL.iter().map(|figure| figure.name).collect();
    assert_eq!(
        known.len(),
        catalogue::ALL.len(),
        "no name stands there twice"
    );
    let mut counted = BTreeSet::new();
    let mut faults = Vec::new();
    for file in rust(&SHIPPED) {
        if file.path == CATALOGUE {
            continue;
        }
        for (number, line) in file.code() {
            for rest in line.split(PREFIX).skip(1) {
                let name = format!("belfry_{}", rest.split('"').next().unwrap_or_default());
                if !known.contains(name.as_str()) {
                    faults.push(format!("{}:{number} counts {name}", file.path));
                }
                counted.insert(name);
            }
        }
    }
    for name in known {
        if !counted.contains(name) {
            faults.push(format!("{CATALOGUE}: nobody counts {name}"));
        }
    }
    none(
        "describe it in src/telemetry/catalogue.rs, or take it away",
        faults,
    );
}

#[test]
fn every_figure_says_what_it_means_in_a_sentence() {
    for figure in catalogue::ALL {
        assert!(figure.help.ends_with('.'), "{figure:?}");
        let counts = figure.kind == catalogue::Kind::Counter;
        assert_eq!(figure.name.ends_with("_total"), counts, "{figure:?}");
    }
}
