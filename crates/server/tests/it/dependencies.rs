//! What `deny.toml` asks for, checked over `cargo tree`, so that it holds where cargo-deny is not
//! installed.

use std::collections::BTreeMap;
use std::process::Command;

const DENY: &str = include_str!("../../../../deny.toml");

fn list(section: &str) -> Vec<String> {
    let file = config::Config::builder()
        .add_source(config::File::from_str(DENY, config::FileFormat::Toml))
        .build()
        .expect("deny.toml is TOML");
    if section == "deny" {
        let bans = file.get_array("bans.deny").expect("bans");
        let names = bans.into_iter().map(|ban| {
            ban.into_table().expect("a table")["name"]
                .clone()
                .into_string()
        });
        return names.map(|name| name.expect("a name")).collect();
    }
    let allowed = file.get_array("licenses.allow").expect("licences");
    allowed
        .into_iter()
        .map(|name| name.into_string().expect("a name"))
        .collect()
}

/// Every package that is really built, with its licence: an optional one that nobody turns on is
/// only in the lock file.
fn packages() -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}|{l}",
        ])
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'));
    lines
        .map(|(package, licence)| {
            let name = package.split(' ').next().unwrap_or(package);
            (name.to_owned(), licence.to_owned())
        })
        .collect()
}

/// `MIT OR Apache-2.0`, `(A OR B) AND C`: every part of an AND needs an allowed choice of its OR.
fn is_allowed(licence: &str, allowed: &[String]) -> bool {
    let licence = licence.replace('/', " OR ");
    licence.split(" AND ").all(|part| {
        part.split(" OR ").any(|choice| {
            let choice = choice.trim().trim_matches(['(', ')']);
            allowed.iter().any(|name| name == choice)
        })
    })
}

#[test]
fn no_banned_package_and_no_foreign_licence() {
    let (banned, allowed) = (list("deny"), list("allow"));
    let packages = packages();
    assert!(packages.len() > 200, "{}", packages.len());
    for (name, licence) in packages {
        assert!(!banned.contains(&name), "{name} is banned by deny.toml");
        assert!(
            is_allowed(&licence, &allowed),
            "{name} has the licence {licence:?}"
        );
    }
}

#[test]
fn the_check_can_fail() {
    let allowed = list("allow");
    assert!(
        is_allowed("MIT OR GPL-3.0", &allowed)
            && is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed)
    );
    assert!(
        !is_allowed("GPL-3.0", &allowed)
            && !is_allowed("MIT AND GPL-3.0", &allowed)
            && !is_allowed("", &allowed)
    );
}
