//! How a buyer wants to pay, as requests say it.

use axum::http::{HeaderMap, header};
use tollgate_kernel::origin::Origin;
use tollgate_kernel::problem::{Code, Problem};

use crate::model::payment::PaymentMethod;
use crate::model::scene::Scene;
use crate::providers::Payer;
use crate::words::WORDS;

pub(super) fn method(word: &str) -> Result<PaymentMethod, Problem> {
    word.parse()
        .map_err(|_| Problem::new(Code::MethodUnavailable))
}

pub(super) fn client(word: Option<&str>) -> Result<Option<Scene>, Problem> {
    let scene = word.map(str::parse).transpose();
    scene.map_err(|_| Problem::invalid("/client", "unknown_client", WORDS.text("pay.client")))
}

pub(super) fn device(headers: &HeaderMap) -> Scene {
    let agent = headers.get(header::USER_AGENT);
    Scene::of_device(
        agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default(),
    )
}

/// What is known of the buyer; an openid that is not one is none.
pub(super) fn payer(origin: &Origin, openid: Option<String>) -> Payer {
    const LONGEST: usize = 128;
    let plain = |openid: &String| {
        !openid.is_empty()
            && openid.len() <= LONGEST
            && openid.bytes().all(|byte| byte.is_ascii_graphic())
    };
    Payer {
        address: origin.address,
        openid: openid.filter(plain),
        ..Payer::default()
    }
}
