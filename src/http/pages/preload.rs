//! What a page is going to need, said in its head: its style sheets as one, and the modules behind `main.js` and behind
//! the view of its path, so that a browser asks for all of them at once and not for each when the one before has told of
//! it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;

use super::Files;
use super::asset::{STYLES, folder, index, text};

const MAIN: &str = "js/main.js";
const ROUTER: &str = "js/router.js";

/// Pages as they were made before, by the view that they show.
static MADE: LazyLock<DashMap<String, Arc<str>>> = LazyLock::new(DashMap::new);

/// The app's page for `path`.
pub fn page(path: &str) -> Option<Arc<str>> {
    let view = view(path).unwrap_or_default();
    // What is read from the folder may be another thing by now.
    if !cfg!(debug_assertions)
        && let Some(made) = MADE.get(&view)
    {
        return Some(made.clone());
    }
    let (index, folder) = (index()?, folder());
    let mut links = format!("  <link rel=\"stylesheet\" href=\"{folder}{STYLES}\">\n");
    for module in modules(&index, &view) {
        let _ = writeln!(
            links,
            "  <link rel=\"modulepreload\" href=\"{folder}{module}\">"
        );
    }
    let made: Arc<str> = index
        .replacen("</head>", &format!("{links}</head>"), 1)
        .into();
    MADE.insert(view, made.clone());
    Some(made)
}

/// The file of the view behind a path, as the app's own table has it.
fn view(path: &str) -> Option<String> {
    let wanted: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let table = text(ROUTER)?;
    let mut routes = table.lines().filter_map(|line| {
        let route = quoted(line.trim().strip_prefix("{ path: ")?)?;
        let (_, import) = line.split_once("import(")?;
        Some((route.to_owned(), quoted(import)?.to_owned()))
    });
    let fits = |route: &str| {
        let parts: Vec<&str> = route.split('/').filter(|part| !part.is_empty()).collect();
        let mut pairs = parts.iter().zip(&wanted);
        parts.len() == wanted.len() && pairs.all(|(part, own)| part.starts_with(':') || part == own)
    };
    let (_, view) = routes.find(|(route, _)| fits(route))?;
    Some(resolved(ROUTER, &view))
}

/// Every module that the page's script and the view import, each once, nearest first.
fn modules(index: &str, view: &str) -> Vec<String> {
    let map = import_map(index);
    let mut found: Vec<String> = vec![MAIN.to_owned()];
    found.extend((!view.is_empty()).then(|| view.to_owned()));
    let mut at = 0;
    while let Some(module) = found.get(at).cloned() {
        at += 1;
        for import in text(&module).iter().flat_map(|source| imports(source)) {
            let path = match map.get(&import) {
                Some(address) => address.trim_start_matches(folder()).to_owned(),
                None if import.starts_with('.') => resolved(&module, &import),
                None => continue,
            };
            if !found.contains(&path) && Files::get(&path).is_some() {
                found.push(path);
            }
        }
    }
    found
}

fn import_map(index: &str) -> BTreeMap<String, String> {
    #[derive(serde::Deserialize)]
    struct Map {
        imports: BTreeMap<String, String>,
    }
    let map = index.split_once("<script type=\"importmap\">");
    let map = map.and_then(|(_, rest)| rest.split_once("</script>"));
    let map = map.and_then(|(map, _)| serde_json::from_str::<Map>(map).ok());
    map.map(|map| map.imports).unwrap_or_default()
}

/// What a module imports before it runs. Comments that import types and imports on demand are none of it.
fn imports(source: &str) -> Vec<String> {
    let statements = source.lines().filter(|line| line.starts_with("import "));
    let names = statements.filter_map(|line| {
        let name = line
            .split_once(" from ")
            .map_or(&line["import ".len()..], |(_, name)| name);
        quoted(name).map(str::to_owned)
    });
    // Vendored modules are one line without such beginnings.
    let packed = source
        .split("from\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    names.chain(packed.map(str::to_owned)).collect()
}

fn quoted(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

/// `import` as seen from `module`.
fn resolved(module: &str, import: &str) -> String {
    let mut parts: Vec<&str> = module.split('/').collect();
    parts.pop();
    for part in import.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_what_its_view_imports_and_nothing_of_others() {
        let page = page("/admin/bookings").unwrap();
        for module in [
            "js/app.js",
            "js/views/booking_table.js",
            "js/parts/long_table.js",
            "vendor/preact-hooks-11.2.0.js",
        ] {
            assert!(
                page.contains(&format!("modulepreload\" href=\"{}{module}\"", folder())),
                "{module}"
            );
        }
        assert!(!page.contains("js/views/experts.js"));
        let order = |text: &str| page.find(text).unwrap();
        assert!(
            order("importmap") < order("modulepreload"),
            "no module may be asked for before the map"
        );
        assert_eq!(page.matches("/js/html.js\"").count(), 1);
    }

    #[test]
    fn each_route_of_the_app_has_a_view_that_is_there() {
        let table = text(ROUTER).unwrap();
        let named: Vec<&str> = table
            .lines()
            .filter_map(|line| quoted(line.trim().strip_prefix("{ path: ")?))
            .collect();
        let routes = named.len();
        let views: Vec<String> = named
            .into_iter()
            .filter_map(|path| view(&path.replace(':', "x")))
            .collect();
        assert!(
            routes > 20 && views.len() == routes,
            "{} of {routes}",
            views.len()
        );
        for view in views {
            assert!(Files::get(&view).is_some(), "{view}");
        }
    }
}
