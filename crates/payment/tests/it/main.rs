//! The module on both engines, and its rails against gateways of the tests' own.

mod alipay;
mod stripe;
mod wechat;

use tollgate_payment::{MIGRATIONS, STATEMENTS};
use tollgate_storage::testing::{each_engine, prepare};

#[tokio::test]
async fn every_statement_is_understood() {
    each_engine(&[MIGRATIONS], async |db| {
        for statements in STATEMENTS {
            prepare(&db, statements).await;
        }
    })
    .await;
}
