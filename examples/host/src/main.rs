//! The application that the design was written for, in Rust: `POST /process/{patient_name}/{study_date}` takes a DICOM file
//! and answers with its modality, size and pixel statistics. A file costs one unit of `dicom_processing`, and nothing when it
//! cannot be processed. `GET /health` is open to everybody.
//!
//! `cargo run -p host`: then open <http://localhost:8080/docs/>, register, buy a plan, and send a file:
//!
//! ```sh
//! curl http://localhost:8080/process/doe/2026-01-02 -H "authorization: Bearer $KEY" --data-binary @file.dcm
//! ```

mod dicom;

use anyhow::Context as _;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use tollgate::Tollgate;
use tollgate::config::Config;
use tollgate_auth::CurrentUser;
use tollgate_kernel::problem::{Code, Problem};
use tollgate_kernel::text::Text;

use crate::dicom::{Picture, Unreadable};

/// Of one file.
const MOST_BYTES: usize = 64 * 1024 * 1024;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_env()?;
    let addr = config.addr;
    let tollgate = Tollgate::builder().config(config).build().await?;
    let listener = tokio::net::TcpListener::bind(addr).await;
    let listener = listener.with_context(|| format!("cannot listen on {addr}"))?;
    println!("listening on {}", tollgate.public_url());
    axum::serve(listener, application(&tollgate)).await?;
    Ok(())
}

/// The application's own routes, and everything that sells them.
fn application(tollgate: &Tollgate) -> Router {
    Router::new()
        .route(
            "/process/{patient_name}/{study_date}",
            post(process)
                .layer(DefaultBodyLimit::max(MOST_BYTES))
                .route_layer(tollgate.consume_quota("dicom_processing", 1)),
        )
        .route_layer(tollgate.require_auth())
        .merge(tollgate.router())
        .layer(tollgate.layer())
}

/// What is answered of a file.
#[derive(Serialize)]
struct Processed {
    patient_name: String,
    study_date: String,
    user: String,
    #[serde(flatten)]
    picture: Picture,
}

/// Charged if it succeeds; nothing here needs to know.
async fn process(
    CurrentUser(user): CurrentUser,
    Path((patient_name, study_date)): Path<(String, String)>,
    file: Bytes,
) -> Result<Json<Processed>, Problem> {
    // A picture of many frames keeps a processor busy: not one that answers others.
    let read = tokio::task::spawn_blocking(move || dicom::read(&file)).await;
    let picture = read
        .map_err(|_| Problem::new(Code::Internal))?
        .map_err(|why| unreadable(&why))?;
    Ok(Json(Processed {
        patient_name,
        study_date,
        user: user.username,
        picture,
    }))
}

fn unreadable(why: &Unreadable) -> Problem {
    match why {
        Unreadable::NotDicom => {
            let detail = Text::new("不是 DICOM 文件", "not a DICOM file");
            Problem::invalid("", "not_dicom", detail)
        }
        Unreadable::Part(part) => {
            let detail = Text::new("文件缺少所需内容", format!("the file lacks {part}"));
            Problem::invalid("", "not_processed", detail)
        }
    }
}

#[cfg(test)]
mod tests;
