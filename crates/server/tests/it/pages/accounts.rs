//! Coming in, and one's account.

use reqwest::StatusCode;

use super::browser::Browser;
use crate::harness::each_engine;

const PASSWORD: &str = "plum orchard lantern 7";

#[tokio::test(flavor = "multi_thread")]
async fn somebody_registers_signs_out_and_in_again() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        let on = browser.get("/portal/login?next=%2Fportal%2Fkeys").await;
        assert_eq!(on.location(), "/portal/keys", "signed in already");
        browser.open("/portal/register").await;
        let out = browser.post("/portal/logout", &[]).await;
        assert_eq!(out.location(), "/portal/login?done=signed_out");
        let page = browser.open("/portal/login?done=signed_out").await;
        page.expect(StatusCode::OK).says(&["You are signed out."]);
        browser.sign_in_by("ann", PASSWORD).await;
    })
    .await;
}
