//! What accounts and credentials are made of: pure.

pub mod api_key;
pub mod key_terms;
pub(crate) mod live_key;
pub(crate) mod one_time;
pub mod page_key;
pub mod password;
pub mod role;
pub mod second_factor;
pub mod service_key;
pub mod session;
pub(crate) mod token;
pub mod user;

#[cfg(test)]
mod tests {
    #[test]
    fn the_model_knows_no_database_no_network_and_no_clock() {
        for source in [
            include_str!("api_key.rs"),
            include_str!("key_terms.rs"),
            include_str!("live_key.rs"),
            include_str!("one_time.rs"),
            include_str!("page_key.rs"),
            include_str!("password.rs"),
            include_str!("role.rs"),
            include_str!("second_factor.rs"),
            include_str!("service_key.rs"),
            include_str!("session.rs"),
            include_str!("token.rs"),
            include_str!("user.rs"),
        ] {
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            for line in source
                .lines()
                .filter(|line| line.trim_start().starts_with("use "))
            {
                for foreign in ["axum", "sqlx", "tokio", "Clock", "tollgate_storage"] {
                    assert!(!line.contains(foreign), "{line}");
                }
            }
            let mut code = source
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            assert!(!code.any(|line| line.contains("async fn")));
        }
    }
}
