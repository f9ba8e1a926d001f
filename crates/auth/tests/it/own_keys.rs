//! Keys that their owner brings along.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use tollgate_auth::{
    AuthConfig, JwtAlgorithm, JwtKey, OwnKey, OwnKeyError, PUBLISHED_FOR, RotateError,
};
use tollgate_storage::signing_keys::{self, KeyState};
use tollgate_storage::testing::each_engine;

use crate::harness::{App, config, part};
use crate::keys::everything;
use crate::pen::pem;
use crate::rotation::{accepted, beside, one};
use crate::tokens::signed_by;

fn own(pkcs8: &[u8]) -> AuthConfig {
    let mut config = config();
    let key = OwnKey::from_pem(&pem("PRIVATE KEY", pkcs8)).expect("a key");
    config.jwt = JwtKey::Own(key);
    config
}

#[tokio::test]
async fn inv_a7_a_private_key_is_in_no_copy_of_the_database_and_in_no_debug_output() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let pkcs8 = pair.to_pkcs8v1().expect("PKCS#8");
    let pkcs8 = pkcs8.as_ref();
    let secret = "only-in-tests-".repeat(3);
    each_engine(&[], async |db| {
        let app = App::with(&db, own(pkcs8)).await;
        let access = app.person("ann").await.text("access_token");
        assert_eq!(part(&access, 0)["alg"], "ES256");
        let mut by_secret = config();
        by_secret.jwt = JwtKey::Hs256(secret.clone().into());
        let second = beside(&app, by_secret.clone()).await;
        app.auth
            .rotate_signing_keys()
            .await
            .expect("the settings of the other are next");
        let third = beside(&app, signed_by(JwtAlgorithm::EdDsa)).await;
        app.clock.advance(PUBLISHED_FOR);
        accepted(&[&app, &second, &third], &[&access]).await;
        let mut halves: Vec<Vec<u8>> = vec![
            pkcs8.to_vec(),
            // The number itself, at its place in RFC 5915's structure.
            pkcs8[36..68].to_vec(),
            secret.clone().into_bytes(),
        ];
        for key in signing_keys::find_all(&db).await.expect("read") {
            if let Ok(private) =
                crate::harness::master_key().open("signing key", &key.key.private_sealed)
            {
                halves.push(private.to_vec());
                if key.key.algorithm == "EdDSA" {
                    // RFC 8410 §7: the seed is what comes last.
                    halves.push(private[private.len() - 32..].to_vec());
                }
            }
        }
        let all = everything(&db).await;
        assert!(all.contains(&hex(b"EdDSA")), "the search finds");
        let debug = format!(
            "{:?} {:?} {:?} {:?} {:?}",
            app.auth,
            third.auth,
            own(pkcs8),
            by_secret,
            signing_keys::find_all(&db).await
        );
        assert!(debug.contains("OwnKey(ES256)"), "{debug}");
        for half in &halves {
            for text in [
                half.clone(),
                BASE64_STANDARD.encode(half).into_bytes(),
                BASE64_URL_SAFE_NO_PAD.encode(half).into_bytes(),
            ] {
                assert!(!all.contains(&hex(&text)));
                assert!(!debug.contains(&*String::from_utf8_lossy(&text)));
            }
            assert!(!debug.contains(&format!("{half:?}")) && !debug.contains(&hex(half)));
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_settings_replace_a_key_of_ones_own() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let pkcs8 = pair.to_pkcs8v1().expect("PKCS#8");
    let pkcs8 = pkcs8.as_ref();
    let other = Ed25519KeyPair::generate().expect("a key");
    let other = other.to_pkcs8v1().expect("PKCS#8");
    each_engine(&[], async |db| {
        // The settings name the key that signs: only they can name another.
        let app = App::with(&db, own(pkcs8)).await;
        let refused = app.auth.rotate_signing_keys().await;
        assert!(matches!(refused, Err(RotateError::OwnKey)), "{refused:?}");
        let first = one(&db, KeyState::Active).await.key.kid;
        beside(&app, own(other.as_ref())).await;
        app.clock.advance(PUBLISHED_FOR);
        let access = app.person("ann").await.text("access_token");
        accepted(&[&app], &[&access]).await;
        assert_eq!(one(&db, KeyState::Active).await.key.algorithm, "EdDSA");
        // And the one before once more, while it is on its way out and when it is gone.
        for state in [KeyState::Retiring, KeyState::Retired] {
            if state == KeyState::Retired {
                beside(&app, own(other.as_ref())).await;
                app.clock.advance(PUBLISHED_FOR);
                beside(&app, own(other.as_ref())).await;
                app.clock.advance(Duration::from_hours(1));
                beside(&app, own(other.as_ref())).await;
            }
            assert_eq!(one(&db, state).await.key.kid, first);
            beside(&app, own(pkcs8)).await;
            assert_eq!(one(&db, KeyState::Next).await.key.kid, first);
            app.clock.advance(PUBLISHED_FOR);
            let again = beside(&app, own(pkcs8)).await;
            assert_eq!(one(&db, KeyState::Active).await.key.kid, first);
            let login = again.login("ann", crate::harness::PASSWORD).await.ok(200);
            accepted(&[&again], &[&login.text("access_token")]).await;
        }
        // Without it in the settings, it is not used for longer than that takes.
        beside(&app, signed_by(JwtAlgorithm::Es256)).await;
        assert_ne!(one(&db, KeyState::Next).await.key.kid, first);
    })
    .await;
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn a_key_of_ones_own_tells_its_algorithm_or_what_is_wrong_with_it() {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, KeyPair as _};
    let ed = Ed25519KeyPair::generate().expect("a key");
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let told = |pem: &str| OwnKey::from_pem(pem).map(|key| key.algorithm());
    let pkcs8 = |der: &[u8]| told(&pem("PRIVATE KEY", der));
    // Either version of PKCS#8.
    for der in [ed.to_pkcs8v1(), ed.to_pkcs8()] {
        assert_eq!(pkcs8(der.expect("DER").as_ref()), Ok(JwtAlgorithm::EdDsa));
    }
    let der = p256.to_pkcs8v1().expect("DER");
    assert_eq!(pkcs8(der.as_ref()), Ok(JwtAlgorithm::Es256));
    let der = p384.to_pkcs8v1().expect("DER");
    assert_eq!(pkcs8(der.as_ref()), Err(OwnKeyError::Curve));
    let public: PublicKeyX509Der<'_> = p256.public_key().as_der().expect("DER");
    let public = pem("PUBLIC KEY", public.as_ref());
    assert_eq!(told(&public), Err(OwnKeyError::Public));
    assert_eq!(
        told(&pem("ENCRYPTED PRIVATE KEY", b"x")),
        Err(OwnKeyError::Encrypted)
    );
    for text in [
        "",
        "-----BEGIN",
        &pem("PRIVATE KEY", b"x"),
        &pem("RSA PRIVATE KEY", b"x"),
    ] {
        assert_eq!(told(text), Err(OwnKeyError::Unreadable), "{text}");
    }
}
