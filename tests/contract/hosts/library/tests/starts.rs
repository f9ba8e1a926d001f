//! That it is built at all is what the contract's suite needs of this; it runs the program itself.

use std::process::Command;

#[test]
fn settings_that_cannot_be_used_stop_it_by_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let started = Command::new(env!("CARGO_BIN_EXE_contract-host"))
        .current_dir(folder.path())
        .env("ADDR", "nowhere")
        .output()
        .expect("it runs");
    assert!(!started.status.success());
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(said.contains("ADDR: "), "{said}");
}
