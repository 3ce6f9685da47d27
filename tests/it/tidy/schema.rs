//! Both migration folders hold the same numbers and names, and lay out the same tables and columns.

use std::collections::BTreeMap;

use super::{Source, sources};

#[test]
fn both_engines_have_the_same_schema() {
    let postgres = sources("migrations/postgres", &[".sql"]);
    let sqlite = sources("migrations/sqlite", &[".sql"]);
    let names = |files: &[Source]| {
        files
            .iter()
            .map(|f| f.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(!postgres.is_empty(), "there are migrations");
    assert_eq!(names(&postgres), names(&sqlite), "same numbers and names");
    for (left, right) in postgres.iter().zip(&sqlite) {
        let (left_tables, right_tables) = (tables(&left.text), tables(&right.text));
        assert_eq!(
            left_tables, right_tables,
            "{} and {}",
            left.path, right.path
        );
    }
}

/// Table → its columns, each as `name type [not null]` in the words of neither engine.
fn tables(migration: &str) -> BTreeMap<String, Vec<String>> {
    let text: String = migration
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    let mut tables = BTreeMap::new();
    for statement in text.split("create table ").skip(1) {
        let (name, rest) = statement.split_once('(').expect("a table has columns");
        let columns = parts(rest)
            .into_iter()
            .filter_map(|part| column(&part))
            .collect();
        tables.insert(name.trim().to_owned(), columns);
    }
    tables
}

/// The comma-separated parts up to the parenthesis that closes them.
fn parts(text: &str) -> Vec<String> {
    let (mut depth, mut found) = (0, vec![String::new()]);
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().expect("never empty").push(letter);
    }
    found
}

/// A column in engine-neutral words; none for a constraint of the whole table.
fn column(part: &str) -> Option<String> {
    let mut words = part.split_whitespace();
    let name = words.next()?;
    if [
        "constraint",
        "primary",
        "unique",
        "check",
        "foreign",
        "exclude",
    ]
    .contains(&name)
    {
        return None;
    }
    let kind = match words.next()? {
        "uuid" | "bytea" | "blob" => "bytes",
        "text" | "timestamptz" | "date" | "jsonb" => "text",
        "bigint" | "integer" => "whole number",
        "boolean" => "truth value",
        other => panic!("column {name}: {other} is not one of the types both engines share"),
    };
    let required = part.contains("not null") || part.contains("primary key");
    Some(format!("{name} {kind} required={required}"))
}

#[test]
fn a_difference_between_the_schemas_is_seen() {
    let one = tables("CREATE TABLE a (id uuid PRIMARY KEY, n bigint NOT NULL, CHECK (n > 0));");
    assert_eq!(
        one,
        tables("CREATE TABLE a (\n id BLOB PRIMARY KEY, -- key\n n INTEGER NOT NULL);")
    );
    assert_ne!(
        one,
        tables("CREATE TABLE a (id BLOB PRIMARY KEY, n INTEGER);")
    );
    assert_ne!(one, tables("CREATE TABLE a (id BLOB PRIMARY KEY);"));
    assert_ne!(
        one,
        tables("CREATE TABLE b (id BLOB PRIMARY KEY, n INTEGER NOT NULL);")
    );
}
