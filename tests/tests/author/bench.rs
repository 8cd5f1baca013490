//! `bellows scaler bench`: every row is there, and one that breaks its bounds is told.

use crate::desk::{Desk, cases_of, component, write};

#[test]
fn a_scaler_of_ours_fits_the_default_limits() {
    let desk = Desk::new();
    let done = desk.bellows(&["scaler", "bench", &component("redis"), "--cases", &cases_of("redis"), "--calls", "20"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let rows: Vec<&str> = done.out.lines().map(|line| line.get(..12).unwrap_or(line).trim_end()).collect();
    let expected =
        ["size", "first load", "next load", "plan", "1 trigger", "100 triggers", "memory", "host calls", "verdict"];
    assert_eq!(rows, expected, "{}", done.out);
    assert!(done.out.ends_with("verdict      fits the default limits\n"), "{}", done.out);
    let left: Vec<_> =
        std::fs::read_dir(desk.path("cache/bellows")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "nothing of the measuring is left: {left:?}");
}

#[test]
fn a_component_that_the_host_stops_does_not_fit() {
    let desk = Desk::new();
    let case = "[[case]]\nname = 'greed'\ntrigger-type = 'greed'\nreading = { value = 1.0, active = true }\n";
    write(&desk.path("cases.toml"), case);
    let done = desk.bellows(&["scaler", "bench", &component("misbehaving"), "--calls", "10"]);
    assert_eq!(done.code, 1, "{}", done.err);
    assert!(done.out.contains("verdict      does not fit: memory: "), "{}", done.out);
}
