//! The rules and the texts in force: read once, and read anew when somebody edited them on any node.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use belfry_domain::rule::RuleBook;
use belfry_domain::template::Templates;
use belfry_domain::webhook::Hook;
use belfry_store::{Store, StoreError};

/// What a batch is planned by, from its beginning to its end.
pub struct Book {
    versions: BTreeMap<String, i64>,
    pub rules: RuleBook,
    pub templates: Arc<Templates>,
    /// Servers of others that hear of events.
    pub hooks: Vec<Hook>,
}

impl Book {
    /// The same texts with other rules.
    pub fn with_rules(&self, rules: RuleBook) -> Self {
        Self {
            versions: self.versions.clone(),
            rules,
            templates: self.templates.clone(),
            hooks: self.hooks.clone(),
        }
    }
}

/// The book of a node's planner.
pub struct Books {
    templates: Arc<Templates>,
    open: ArcSwapOption<Book>,
}

impl Books {
    /// Books whose texts are those built in.
    pub fn new(templates: Arc<Templates>) -> Self {
        Self {
            templates,
            open: ArcSwapOption::default(),
        }
    }

    /// The book as it stands now.
    ///
    /// # Errors
    /// When the database fails, or something in the book cannot be read.
    pub async fn open(&self, store: &Store) -> Result<Arc<Book>, StoreError> {
        let versions = store.versions().await?;
        let open = self.open.load_full();
        if let Some(book) = open.filter(|book| book.versions == versions) {
            return Ok(book);
        }
        // Read after the versions: what is edited meanwhile is read once more, never overlooked.
        let book = Arc::new(Book {
            rules: store.rule_book().await?,
            hooks: store.hooks().await?,
            templates: self.templates.clone(),
            versions,
        });
        self.open.store(Some(book.clone()));
        Ok(book)
    }
}
