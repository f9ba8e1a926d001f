//! A second factor by pages: set up, used, taken away; and that it is still they.

use reqwest::StatusCode;
use tollgate_auth::model::second_factor::TotpSecret;

use super::{OTHER, PASSWORD, wait_for_doubt};
use crate::harness::{App, each_engine};
use crate::pages::browser::{Browser, Page};

const PATH: &str = "/portal/settings/second-factor";

/// What the app shows.
fn code(app: &App, secret: &str) -> String {
    let bits: String = secret
        .bytes()
        .filter(|byte| *byte != b' ')
        .map(|byte| match byte {
            b'A'..=b'Z' => format!("{:05b}", byte - b'A'),
            _ => format!("{:05b}", byte - b'2' + 26),
        })
        .collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|bits| {
            u8::from_str_radix(std::str::from_utf8(bits).expect("bits"), 2).expect("a byte")
        })
        .collect();
    TotpSecret::from_bytes(&bytes).code_at(app.clock.now())
}

/// Sets one up; gives its secret, and a code on paper.
async fn set_up(app: &App, browser: &mut Browser<'_>) -> (String, String) {
    browser
        .get(PATH)
        .await
        .expect(StatusCode::OK)
        .hides(&["current_password"]);
    let begun = browser.post(PATH, &[("what", "begin")]).await;
    begun
        .expect(StatusCode::OK)
        .says(&["<svg", "authenticator"]);
    assert_eq!(begun.headers["cache-control"], "no-store");
    let secret = begun.text_of("secret");
    let wrong = browser
        .post(PATH, &[("what", "code"), ("code", "000000")])
        .await;
    wrong
        .expect(StatusCode::UNPROCESSABLE_ENTITY)
        .says(&["The code is not right"]);
    wrong.hides(&[&secret]);
    let code = code(app, &secret);
    let done = browser
        .post(PATH, &[("what", "code"), ("code", &code)])
        .await;
    done.expect(StatusCode::OK).says(&["Recovery codes"]);
    assert_eq!(done.headers["cache-control"], "no-store");
    let codes = done.text_of("codes");
    let codes: Vec<&str> = codes.split_whitespace().collect();
    assert_eq!(codes.len(), 10);
    browser
        .get(PATH)
        .await
        .hides(&codes)
        .says(&["Second factor is set up"]);
    (secret, codes[0].to_owned())
}

async fn first_half(browser: &mut Browser<'_>) -> Page {
    browser.get("/portal/login?next=%2Fportal%2Fkeys").await;
    let fields = [
        ("name", "ann"),
        ("password", PASSWORD),
        ("next", "/portal/keys"),
    ];
    let half = browser.post("/portal/login", &fields).await;
    half.expect(StatusCode::OK).says(&["name=\"code\""]);
    assert!(
        half.headers.get("set-cookie").is_none(),
        "half a sign-in is none"
    );
    half
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_set_up_used_and_taken_away() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        let (secret, paper) = set_up(app, &mut browser).await;
        let mut other = Browser::new(app);
        let half = first_half(&mut other).await;
        let challenge = half.field("challenge").expect("a challenge");
        let answer = |code| {
            [
                ("challenge", challenge.as_str()),
                ("code", code),
                ("next", "/portal/keys"),
            ]
        };
        let wrong = other.post("/portal/login", &answer("123")).await;
        wrong
            .expect(StatusCode::UNAUTHORIZED)
            .says(&["code is not right"]);
        assert_eq!(
            wrong.field("challenge").as_deref(),
            Some(challenge.as_str())
        );
        let done = other.post("/portal/login", &answer(&paper)).await;
        assert_eq!(done.location(), "/portal/keys");
        other.get("/portal/keys").await.expect(StatusCode::OK);
        // A challenge and a code on paper work once.
        let mut third = Browser::new(app);
        third.get("/portal/login").await;
        let again = third.post("/portal/login", &answer(&paper)).await;
        assert!(again.status >= 400, "{}", again.status);
        // By the app; then it goes, by both.
        app.clock.advance(std::time::Duration::from_mins(1));
        let half = first_half(&mut third).await;
        let challenge = half.field("challenge").expect("a challenge");
        let code_now = code(app, &secret);
        let fields = [
            ("challenge", challenge.as_str()),
            ("code", code_now.as_str()),
        ];
        assert_eq!(
            third.post("/portal/login", &fields).await.location(),
            "/portal"
        );
        app.clock.advance(std::time::Duration::from_mins(1));
        third
            .get(PATH)
            .await
            .says(&["Switch the second factor off"]);
        let off = |password, code| {
            [
                ("what", "disable"),
                ("current_password", password),
                ("code", code),
            ]
        };
        let wrong = third.post(PATH, &off(OTHER, "000000")).await;
        wrong.says(&["This is not your present password"]);
        let wrong = third.post(PATH, &off(PASSWORD, "000000")).await;
        wrong.says(&["The code is not right"]);
        let code_now = code(app, &secret);
        let done = third.post(PATH, &off(PASSWORD, &code_now)).await;
        assert_eq!(done.location(), "/portal/settings/security?done=factor_off");
        third.get(done.location()).await.says(&["No second factor"]);
        Browser::new(app).sign_in_by("ann", PASSWORD).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_28_sensitive_things_ask_once_more_who_it_is() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        let (secret, _) = set_up(app, &mut browser).await;
        wait_for_doubt(app);
        // A page that needs it leads there and back; this one asks for it itself.
        browser
            .get("/portal/keys/new")
            .await
            .says(&["name=\"current_password\""]);
        let refused = browser
            .post("/portal/keys/new", &[("name", "server")])
            .await;
        refused.says(&["Please give your password", "value=\"server\""]);
        let wrong = [("name", "server"), ("current_password", OTHER)];
        let refused = browser.post("/portal/keys/new", &wrong).await;
        refused.says(&["This is not your present password"]);
        assert_eq!(app.count("SELECT COUNT(*) FROM api_keys").await, 0);
        let page = browser
            .get("/portal/confirm?next=%2Fportal%2Fkeys%2Fnew")
            .await;
        page.expect(StatusCode::OK).says(&["By a code instead"]);
        let wrong = browser
            .post("/portal/confirm", &[("current_password", OTHER)])
            .await;
        wrong.says(&["This is not your present password"]);
        let code = code(app, &secret);
        let fields = [("code", code.as_str()), ("next", "/portal/keys/new")];
        browser.refuses_forgeries("/portal/confirm", &fields).await;
        let done = browser.post("/portal/confirm", &fields).await;
        assert_eq!(done.location(), "/portal/keys/new");
        browser
            .get("/portal/keys/new")
            .await
            .hides(&["name=\"current_password\""]);
        // Nobody is led out by it, not even to an application.
        let fields = [
            ("current_password", PASSWORD),
            ("next", "https://evil.example/"),
        ];
        let done = browser.post("/portal/confirm", &fields).await;
        assert_eq!(done.location(), "/portal");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_24_a_second_factor_is_nobody_elses_to_change() {
    each_engine(async |app| {
        let mut browser = Browser::registered(app, "ann", PASSWORD).await;
        browser.get(PATH).await;
        browser.refuses_forgeries(PATH, &[("what", "begin")]).await;
        wait_for_doubt(app);
        let page = browser.get(PATH).await;
        page.says(&["name=\"current_password\""]);
        let refused = browser.post(PATH, &[("what", "begin")]).await;
        refused
            .says(&["Please give your password"])
            .hides(&["<svg"]);
        let fields = [("what", "begin"), ("current_password", PASSWORD)];
        browser.post(PATH, &fields).await.says(&["<svg"]);
        let other = browser.post(PATH, &[("what", "nothing")]).await;
        other.expect(StatusCode::NOT_FOUND);
    })
    .await;
}
