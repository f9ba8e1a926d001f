//! What finding the caller costs in process: `cargo bench -p bench`.

use std::hint::black_box;

use axum::http::Request;
use axum::http::request::Parts;
use bench::{Somebody, somebody};
use criterion::{Criterion, criterion_group, criterion_main};
use tollgate_auth::JwtAlgorithm;

fn request(name: &str, value: &str) -> Parts {
    let request = Request::builder().header(name, value).body(());
    request.expect("a request").into_parts().0
}

fn checks(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let folder = std::env::temp_dir().join("tollgate-bench");
    std::fs::create_dir_all(&folder).expect("a folder");
    for algorithm in [
        JwtAlgorithm::Hs256,
        JwtAlgorithm::Rs256,
        JwtAlgorithm::Es256,
        JwtAlgorithm::EdDsa,
    ] {
        let Somebody { auth, token, key } = runtime
            .block_on(somebody(&folder, algorithm))
            .expect("somebody");
        let bearer = request("authorization", &format!("Bearer {token}"));
        criterion.bench_function(&format!("token {algorithm:?}"), |bencher| {
            bencher.iter(|| {
                let found = runtime.block_on(auth.identify_request(black_box(&bearer)));
                assert!(found.is_ok_and(|caller| caller.is_some()));
            });
        });
        if algorithm == JwtAlgorithm::Hs256 {
            let by_key = request("x-api-key", &key);
            criterion.bench_function("key", |bencher| {
                bencher.iter(|| {
                    let found = runtime.block_on(auth.identify_request(black_box(&by_key)));
                    assert!(found.is_ok_and(|caller| caller.is_some()));
                });
            });
            let made_up = request("x-api-key", &format!("{}x", &key[..key.len() - 1]));
            criterion.bench_function("made-up key", |bencher| {
                bencher.iter(|| {
                    let found = runtime.block_on(auth.identify_request(black_box(&made_up)));
                    assert!(found.is_err());
                });
            });
        }
    }
}

criterion_group!(benches, checks);
criterion_main!(benches);
