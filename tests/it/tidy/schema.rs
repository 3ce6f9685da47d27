//! Both migration folders hold the same numbers and names, and lay out the same tables and columns.

use std::collections::{BTreeMap, BTreeSet};

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
    let (mut left, mut right) = (Schema::new(), Schema::new());
    for (postgres, sqlite) in postgres.iter().zip(&sqlite) {
        apply(&postgres.text, &mut left);
        apply(&sqlite.text, &mut right);
        assert_eq!(left, right, "after {} and {}", postgres.path, sqlite.path);
    }
}

/// Table → its columns, each as `name type required` in the words of neither engine, in the order of their names.
type Schema = BTreeMap<String, BTreeSet<String>>;

/// Makes of a schema what it is after a migration.
fn apply(migration: &str, schema: &mut Schema) {
    let text: String = migration
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase();
    for statement in text.split(';').map(str::trim) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        match words[..] {
            ["create", "table", ..] => {
                let (head, rest) = statement.split_once('(').expect("a table has columns");
                let name = head.trim_start_matches("create table ").trim();
                let columns = parts(rest).into_iter().filter_map(|part| column(&part));
                schema.insert(name.to_owned(), columns.collect());
            }
            ["drop", "table", name] => {
                schema.remove(name);
            }
            ["alter", "table", from, "rename", "to", to] => {
                let columns = schema.remove(from).expect("it is there to be renamed");
                schema.insert(to.to_owned(), columns);
            }
            ["alter", "table", name, "add", "column", ..] => {
                let (_, rest) = statement.split_once("add column ").expect("just seen");
                let columns = schema.get_mut(name).expect("it is there to be widened");
                columns.extend(column(rest));
            }
            [
                "alter",
                "table",
                name,
                "alter",
                "column",
                changed,
                "drop",
                "not",
                "null",
            ] => {
                let columns = schema.get_mut(name).expect("it is there to be changed");
                let eased = columns.iter().map(|column| match column.split_once(' ') {
                    Some((name, _)) if name == changed => {
                        column.replace("required=true", "required=false")
                    }
                    _ => column.clone(),
                });
                *columns = eased.collect();
            }
            _ => {}
        }
    }
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
    let tables = |migration: &str| {
        let mut schema = Schema::new();
        apply(migration, &mut schema);
        schema
    };
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
    assert_eq!(
        one,
        tables(
            "CREATE TABLE b (id BLOB PRIMARY KEY); ALTER TABLE b ADD COLUMN n INTEGER NOT NULL DEFAULT 0;
             ALTER TABLE b RENAME TO a;"
        )
    );
}
