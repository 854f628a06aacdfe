//! The rules that come with the program: what happens on a host between a guessed password and a way back in.
//!
//! Written for what records of program starts, files and connections tell; each is held by events of the recorded
//! attack and of everyday work (tests/sigma.rs).

/// The name of a file of rules/, and its text.
pub const PACK: [(&str, &str); 7] = [
    (
        "command_and_control.yml",
        include_str!("../../../../rules/command_and_control.yml"),
    ),
    (
        "credential_access.yml",
        include_str!("../../../../rules/credential_access.yml"),
    ),
    (
        "defense_evasion.yml",
        include_str!("../../../../rules/defense_evasion.yml"),
    ),
    (
        "discovery.yml",
        include_str!("../../../../rules/discovery.yml"),
    ),
    (
        "execution.yml",
        include_str!("../../../../rules/execution.yml"),
    ),
    (
        "persistence.yml",
        include_str!("../../../../rules/persistence.yml"),
    ),
    (
        "privilege_escalation.yml",
        include_str!("../../../../rules/privilege_escalation.yml"),
    ),
];
