//! Looking into the groups' tables with SQL, on either database, past the product's own store.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;

/// Where the groups keep their tables.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A schema per group in one database.
    Postgres(String),
    /// A file per group in one folder.
    Sqlite(PathBuf),
}

/// Rows as text, NULL as the empty text, true as 1.
pub(crate) type Rows = Vec<Vec<String>>;

impl Database {
    /// The address that the processes are given.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(url) => url.clone(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.display()),
        }
    }

    /// The rows that each of several queries gives, on one connection.
    pub(crate) fn look_at(&self, group: &str, queries: &[&str]) -> anyhow::Result<Vec<Rows>> {
        match self {
            Self::Postgres(url) => on_postgres(url, group, queries),
            Self::Sqlite(folder) => on_sqlite(&folder.join(format!("{group}.db")), queries),
        }
        .with_context(|| format!("look into the tables of {group}"))
    }

    /// The rows that a query gives.
    pub(crate) fn look(&self, group: &str, query: &str) -> anyhow::Result<Rows> {
        let mut answers = self.look_at(group, &[query])?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// The first column of every row.
    pub(crate) fn column(&self, group: &str, query: &str) -> anyhow::Result<Vec<String>> {
        let rows = self.look(group, query)?;
        Ok(rows
            .into_iter()
            .filter_map(|row| row.into_iter().next())
            .collect())
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, group: &str, query: &str) -> anyhow::Result<i64> {
        let column = self.column(group, query)?;
        let first = column.first().context("a query for a number gives a row")?;
        first
            .parse()
            .with_context(|| format!("{query}: {first:?} is no number"))
    }

    /// An expression that gives bytes as lower-case hexadecimal digits.
    pub(crate) fn hex(&self, column: &str) -> String {
        match self {
            Self::Postgres(_) => format!("encode({column}, 'hex')"),
            Self::Sqlite(_) => format!("lower(hex({column}))"),
        }
    }
}

fn on_postgres(url: &str, group: &str, queries: &[&str]) -> anyhow::Result<Vec<Rows>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls);
        let (client, connection) =
            tokio::time::timeout(Duration::from_secs(10), connecting).await??;
        let connection = tokio::spawn(connection);
        client
            .batch_execute(&format!("SET search_path TO {group}"))
            .await?;
        let mut answers = Vec::new();
        for query in queries {
            let mut rows = Vec::new();
            for message in client.simple_query(query).await? {
                if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                    let cell = |index| match row.get(index) {
                        Some("t") => "1".to_owned(),
                        Some("f") => "0".to_owned(),
                        text => text.unwrap_or_default().to_owned(),
                    };
                    rows.push((0..row.len()).map(cell).collect());
                }
            }
            answers.push(rows);
        }
        drop(client);
        connection.await??;
        Ok(answers)
    })
}

fn on_sqlite(file: &std::path::Path, queries: &[&str]) -> anyhow::Result<Vec<Rows>> {
    use rusqlite::{Connection, OpenFlags, types::ValueRef};

    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    let mut answers = Vec::new();
    for query in queries {
        let mut statement = connection.prepare(query)?;
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns)
                .map(|index| Ok(text(row.get_ref(index)?)))
                .collect()
        })?;
        answers.push(rows.collect::<Result<Rows, _>>()?);
    }
    Ok(answers)
}
