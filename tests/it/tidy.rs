//! The rules of `docs/STYLE.md` that a test can hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every figure is in the catalogue.
mod figures;
/// Both migration folders lay out the same tables.
mod schema;

/// Where people read Rust, and where they read what the browser gets.
const RUST: [&str; 7] = [
    "src",
    "domain/src",
    "store/src",
    "actors/src",
    "domain/tests",
    "tests/it",
    "benches",
];
/// Code that runs in production.
const SHIPPED: [&str; 4] = ["src", "domain/src", "store/src", "actors/src"];

const SOFT_LINES: usize = 400;
const HARD_LINES: usize = 500;

/// One file of the project.
struct Source {
    /// From the top of the project, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Where the unit tests at the end begin, or the number of lines.
    fn tests_begin(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        lines
            .windows(2)
            .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "))
            .unwrap_or(lines.len())
    }

    /// The text without its unit tests and without comments, line by line with line numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take(self.tests_begin())
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The files in which this one may be declared as a module.
    fn parents(&self) -> Vec<String> {
        let (folder, _) = self.path.rsplit_once('/').unwrap_or_default();
        let above = if self.name() == "mod.rs" {
            folder.rsplit_once('/').unwrap_or_default().0
        } else {
            folder
        };
        ["lib.rs", "main.rs", "mod.rs"]
            .iter()
            .map(|name| format!("{above}/{name}"))
            .chain([format!("{above}.rs")])
            .filter_map(|parent| fs::read_to_string(top().join(parent)).ok())
            .collect()
    }

    /// Whether it is compiled for tests alone.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.declared_below(|line| line == "#[cfg(test)]")
    }

    /// Whether a parent declares this module right below a line that `marks` it.
    fn declared_below(&self, marks: impl Fn(&str) -> bool) -> bool {
        let module = match self.name() {
            "mod.rs" => self.path.rsplit('/').nth(1).unwrap_or_default(),
            name => name.trim_end_matches(".rs"),
        };
        let declares =
            |line: &str| line.ends_with(&format!("mod {module};")) && !line.starts_with("//");
        self.parents().iter().any(|parent| {
            let lines: Vec<&str> = parent.lines().map(str::trim).collect();
            lines
                .windows(2)
                .any(|pair| marks(pair[0]) && declares(pair[1]))
        })
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder` with one of the endings, in order of path; folders that do not exist are empty.
fn sources(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![top().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["vendor", "node_modules", "shots"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter().map(source).collect()
}

fn source(path: PathBuf) -> Source {
    let relative = path
        .strip_prefix(top())
        .unwrap()
        .to_string_lossy()
        .into_owned();
    Source {
        text: read(&relative),
        path: relative,
    }
}

fn rust(folders: &[&str]) -> Vec<Source> {
    let found: Vec<Source> = folders.iter().flat_map(|f| sources(f, &[".rs"])).collect();
    assert!(!found.is_empty(), "looked at no file: {folders:?}");
    found
}

/// Fails with every fault at once, so that one run shows all there is to mend.
fn none(rule: &str, faults: Vec<String>) {
    assert!(faults.is_empty(), "{rule}\n  {}", faults.join("\n  "));
}

/// Lines of shipped code outside `allowed` that contain one of `words`.
fn uses(folders: &[&str], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in rust(folders) {
        let is_allowed = allowed.iter().any(|prefix| source.path.starts_with(prefix));
        if is_allowed || source.is_test() {
            continue;
        }
        for (number, line) in source.code() {
            if words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    faults
}

#[test]
fn crates_use_only_those_to_their_left() {
    let crates = [
        ("domain", "domain/Cargo.toml"),
        ("store", "store/Cargo.toml"),
        ("actors", "actors/Cargo.toml"),
    ];
    let foreign: BTreeMap<&str, &[&str]> = BTreeMap::from([
        (
            "domain",
            &["tokio", "sqlx", "actix", "redis", "async-trait"][..],
        ),
        ("store", &["actix", "redis", "reqwest", "lettre"][..]),
        (
            "actors",
            &[
                "actix-web",
                "actix-http",
                "sqlx",
                "redis",
                "reqwest",
                "lettre",
            ][..],
        ),
    ]);
    let mut faults = Vec::new();
    for (place, (name, manifest)) in crates.iter().enumerate() {
        let to_the_left: Vec<String> = crates[..place]
            .iter()
            .map(|(name, _)| format!("belfry-{name}"))
            .collect();
        for dependency in dependencies(&read(manifest)) {
            let wrong_way = dependency.starts_with("belfry") && !to_the_left.contains(&dependency);
            let must_not_know = foreign[name].iter().any(|word| {
                dependency == *word || (*word == "actix" && dependency.starts_with("actix"))
            });
            if wrong_way || must_not_know {
                faults.push(format!("{manifest}: {dependency}"));
            }
        }
    }
    none("a crate uses what it must not know", faults);
}

/// The names in `[dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn files_stay_short_enough_to_be_read_at_once() {
    let mut files = rust(&RUST);
    files.extend(sources("static", &[".js", ".css", ".html"]));
    files.extend(sources("tests/browser", &[".js", ".mjs"]));
    let mut faults = Vec::new();
    for file in files {
        // Unit tests at the end of a file are read on their own.
        let lines = file.tests_begin();
        if lines > HARD_LINES {
            faults.push(format!("{}: {lines} lines", file.path));
        } else if lines > SOFT_LINES {
            eprintln!("{} has {lines} lines: is it two concepts?", file.path);
        }
    }
    none("a file is two concepts; split it by concept", faults);
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut faults = Vec::new();
    for file in rust(&RUST) {
        let first = file.text.lines().find(|line| !line.starts_with("#!["));
        if first.is_some_and(|line| line.starts_with("//!"))
            || file.declared_below(|line| line.starts_with("///") || line == "#[cfg(test)]")
        {
            continue;
        }
        faults.push(file.path);
    }
    none(
        "a module has neither `//!` nor a doc on its mod line",
        faults,
    );
}

#[test]
fn no_module_is_a_catch_all() {
    const NAMES: [&str; 9] = [
        "util", "utils", "common", "helper", "helpers", "misc", "manager", "stuff", "shared",
    ];
    let mut files = rust(&RUST);
    files.extend(sources("static", &[".js", ".css"]));
    let faults = files
        .into_iter()
        .filter(|file| {
            file.path
                .split('/')
                .any(|part| NAMES.contains(&part.split('.').next().unwrap_or(part)))
        })
        .map(|file| file.path)
        .collect();
    none("a name that says nothing", faults);
}

#[test]
fn sql_lives_in_the_store_alone() {
    none(
        "sqlx outside store",
        uses(
            &["src", "actors/src", "domain/src", "tests/it"],
            &["sqlx::", "use sqlx"],
            &["tests/it/tidy.rs"],
        ),
    );
}

#[test]
fn the_clock_is_bound_and_never_read_in_sql() {
    none(
        "SQL reads the time of day",
        uses(
            &["store/src"],
            &["CURRENT_TIMESTAMP", "now()", "datetime('now'", "strftime("],
            // Measures how long it waits, and holds no SQL.
            &["store/src/db/loan.rs"],
        ),
    );
}

#[test]
fn only_the_clock_reads_the_clock() {
    none(
        "the time of day is an argument",
        uses(
            &SHIPPED,
            &["Utc::now", "Local::now", "SystemTime::now"],
            &["actors/src/clock.rs"],
        ),
    );
}

#[test]
fn the_web_framework_stays_at_the_door() {
    none(
        "actix-web outside src/http",
        uses(
            &["src", "actors/src"],
            &["actix_web::", "use actix_web"],
            &["src/http", "src/house.rs", "src/cli.rs"],
        ),
    );
}

#[test]
fn the_abandoned_socket_crate_is_named_in_one_place() {
    none(
        "actix-web-actors outside src/http/live",
        uses(&SHIPPED, &["actix_web_actors"], &["src/http/live"]),
    );
}

#[test]
fn requests_to_the_outside_world_leave_through_channels() {
    none(
        "reqwest outside src/channel",
        uses(&SHIPPED, &["reqwest::"], &["src/channel"]),
    );
}

#[test]
fn state_belongs_to_actors_not_to_locks() {
    none(
        "a lock around state",
        uses(&["actors/src", "src"], &["Mutex", "RwLock"], &[]),
    );
}

#[test]
fn nothing_panics_or_prints_by_habit() {
    let words = [
        ".unwrap()",
        "println!",
        "print!(",
        "dbg!(",
        "todo!(",
        "unimplemented!(",
    ];
    none("in shipped code", uses(&SHIPPED, &words, &[]));
}

#[test]
fn nothing_is_left_to_do() {
    let marks = ["TODO", "FIXME", "XXX"];
    let mut files = rust(&RUST);
    files.extend(sources("static", &[".js", ".css", ".html"]));
    files.extend(sources("migrations", &[".sql"]));
    let faults = files
        .iter()
        .filter(|file| file.path != "tests/it/tidy.rs")
        .filter(|file| marks.iter().any(|mark| file.text.contains(mark)))
        .map(|file| file.path.clone())
        .collect();
    none("a note to oneself in the code; do it or file it", faults);
}
