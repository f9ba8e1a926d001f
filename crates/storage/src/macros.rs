//! One body, two drivers: the types are inferred in each arm.

/// Runs a statement inside a [`Tx`](crate::db::Tx), on whichever engine it is open.
#[macro_export]
macro_rules! in_tx {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match $crate::failpoint::reach(concat!(file!(), ":", line!())) {
            Err(cut) => Err(cut),
            Ok(()) => match $tx {
                $crate::db::Tx::Sqlite(tx, _) => {
                    let $connection = &mut **tx;
                    $body
                }
                $crate::db::Tx::Postgres(tx, presence, _) => {
                    let $connection = &mut **tx;
                    presence.attend(async { $body }).await
                }
            },
        }
    };
}

/// Runs a finder on a [`Db`](crate::db::Db), outside any transaction.
#[macro_export]
macro_rules! on_read {
    ($db:expr, |$executor:ident| $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { readers, .. } => {
                let $executor = readers;
                $body
            }
            $crate::db::Db::Postgres(server) => {
                let $executor = &server.pool;
                server.presence.attend(async { $body }).await
            }
        }
    };
}

/// A row that both drivers can read: the fields are found by name.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($fvis:vis $field:ident : $type:ty),* $(,)? }) => {
        $(#[$meta])*
        $vis struct $name { $($fvis $field: $type),* }

        impl<'r, R: $crate::sqlx::Row> $crate::sqlx::FromRow<'r, R> for $name
        where
            &'static str: $crate::sqlx::ColumnIndex<R>,
            $($type: $crate::sqlx::Decode<'r, R::Database> + $crate::sqlx::Type<R::Database>),*
        {
            fn from_row(row: &'r R) -> $crate::sqlx::Result<Self> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),* })
            }
        }
    };
}
