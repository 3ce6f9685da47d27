//! A fresh, migrated store for every test, on either engine.
//!
//! PostgreSQL is found in `BELFRY_TEST_POSTGRES_URL`, which `scripts/services.sh` sets; without it the
//! tests run on SQLite alone.

use std::path::PathBuf;
use std::process::Command;

use belfry_store::Store;
use uuid::Uuid;

/// A store of its own, and what is thrown away with it.
pub struct Fresh {
    pub store: Store,
    remains: Remains,
}

enum Remains {
    Folder(PathBuf),
    Database { server: String, name: String },
}

impl Fresh {
    /// On a SQLite file in a folder of its own.
    pub async fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(format!("belfry-it-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&folder).unwrap();
        Self::sqlite_in(folder).await
    }

    /// On a SQLite file in this folder, which is deleted afterwards.
    pub async fn sqlite_in(folder: PathBuf) -> Self {
        let store = Store::open_sqlite(&folder.join("belfry.db")).await.unwrap();
        store.migrate().await.unwrap();
        Self {
            store,
            remains: Remains::Folder(folder),
        }
    }

    /// On a database of its own; `None` where there is no server.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("BELFRY_TEST_POSTGRES_URL") else {
            eprintln!("BELFRY_TEST_POSTGRES_URL is not set: not tried on PostgreSQL");
            return None;
        };
        let name = format!("belfry_it_{}", Uuid::now_v7().simple());
        psql(&server, &format!("CREATE DATABASE {name}"));
        let (address, _) = server.rsplit_once('/').expect("an address with a database");
        let store = Store::connect_postgres(&format!("{address}/{name}"), 8)
            .await
            .unwrap();
        store.migrate().await.unwrap();
        Some(Self {
            store,
            remains: Remains::Database { server, name },
        })
    }

    /// The options that let a server process use the same database.
    pub fn place(&self) -> [String; 2] {
        match &self.remains {
            Remains::Folder(folder) => ["--data-dir".to_owned(), folder.display().to_string()],
            Remains::Database { server, name } => {
                let (address, _) = server.rsplit_once('/').expect("an address with a database");
                ["--database-url".to_owned(), format!("{address}/{name}")]
            }
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        match &self.remains {
            Remains::Folder(folder) => drop(std::fs::remove_dir_all(folder)),
            Remains::Database { server, name } => {
                psql(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
            }
        }
    }
}

/// Runs a statement on a PostgreSQL server, past the house.
pub fn psql(server: &str, statement: &str) {
    let status = Command::new("psql")
        .args(["-qX", "-v", "ON_ERROR_STOP=1", server, "-c", statement])
        .status()
        .expect("psql comes with PostgreSQL");
    assert!(status.success(), "{statement}");
}

/// Makes each `async fn name(fresh: &Fresh)` of a module a test on SQLite and one on PostgreSQL.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[actix_rt::test]
            async fn $name() {
                super::$name(&$crate::engine::Fresh::sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[actix_rt::test]
            async fn $name() {
                if let Some(fresh) = $crate::engine::Fresh::postgres().await {
                    super::$name(&fresh).await;
                }
            })+
        }
    };
}
pub(crate) use on_both_engines;

/// A client for HTTP. Building one needs the cryptography in place, encrypted or not.
pub fn http() -> reqwest::Client {
    belfry::tls::install();
    reqwest::Client::new()
}
