//! What `deny.toml` asks for, checked over `cargo metadata`, so that it holds where cargo-deny is not
//! installed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const DENY: &str = include_str!("../../../../deny.toml");

fn list(section: &str) -> Vec<String> {
    let file = config::Config::builder()
        .add_source(config::File::from_str(DENY, config::FileFormat::Toml))
        .build()
        .expect("deny.toml is TOML");
    match section {
        "deny" => {
            let bans = file.get_array("bans.deny").expect("bans");
            let names = bans.into_iter().map(|ban| {
                ban.into_table().expect("a table")["name"]
                    .clone()
                    .into_string()
            });
            names.map(|name| name.expect("a name")).collect()
        }
        _ => {
            let allowed = file.get_array("licenses.allow").expect("licences");
            allowed
                .into_iter()
                .map(|name| name.into_string().expect("a name"))
                .collect()
        }
    }
}

/// Every package that is built for this platform, with its licence.
fn packages() -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata answers");
    let names: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| (package["id"].as_str().expect("an id"), package))
        .collect();
    // Only what is reached: an optional dependency that nobody turns on is not built.
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| (node["id"].as_str().expect("an id"), node))
        .collect();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let members = metadata["workspace_members"].as_array().expect("members");
    let mut waiting: Vec<&str> = members
        .iter()
        .map(|id| id.as_str().expect("an id"))
        .collect();
    while let Some(id) = waiting.pop() {
        if reached.insert(id) {
            let next = nodes[id]["dependencies"].as_array().expect("dependencies");
            waiting.extend(next.iter().map(|id| id.as_str().expect("an id")));
        }
    }
    reached
        .into_iter()
        .map(|id| {
            let package = names[id];
            let name = package["name"].as_str().expect("a name").to_owned();
            (
                name,
                package["license"].as_str().unwrap_or_default().to_owned(),
            )
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
