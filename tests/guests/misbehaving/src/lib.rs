//! A scaler that does everything that a scaler must not, one kind of misconduct for each type of trigger.
//!
//! It implements the bare contract, because the SDK would keep it from most of this. A trigger that says
//! `behaves: "true"` gets a reading of 1 all the same, so that one culprit can travel among innocents. In a native build
//! there is nothing here.

#[cfg(target_family = "wasm")]
mod misconduct;
