//! Whether this host is ready, as a list of named conditions, each met or missing with its reason.
//!
//! Owns the list. Who meets a condition holds a [`Condition`]; nobody else can.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// The list. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    items: Arc<Mutex<Vec<Item>>>,
}

#[derive(Debug)]
struct Item {
    name: &'static str,
    /// Why it is missing; `None` when it is met.
    missing: Option<String>,
}

/// One condition of the list.
#[derive(Debug, Clone)]
pub struct Condition {
    items: Arc<Mutex<Vec<Item>>>,
    index: usize,
}

impl Readiness {
    /// Adds a condition, not met yet. Called while the process is composed: the list only grows.
    pub fn condition(&self, name: &'static str) -> Condition {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.push(Item { name, missing: Some("not yet".to_owned()) });
        Condition { items: Arc::clone(&self.items), index: items.len() - 1 }
    }

    /// Everything, a line each, and whether all of it is met.
    pub fn report(&self) -> (bool, String) {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for item in &*items {
            _ = match &item.missing {
                None => writeln!(text, "[+] {}", item.name),
                Some(reason) => writeln!(text, "[-] {}: {reason}", item.name),
            };
        }
        (items.iter().all(|item| item.missing.is_none()), text)
    }
}

impl Condition {
    /// It holds.
    pub fn met(&self) {
        self.set(None);
    }

    /// It does not, because.
    pub fn missing(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, missing: Option<String>) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(item) = items.get_mut(self.index) {
            item.missing = missing;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missing_condition_makes_the_host_unready_and_says_why() {
        let readiness = Readiness::default();
        readiness.condition("watches").met();
        let scalers = readiness.condition("scalers");
        assert_eq!(readiness.report(), (false, "[+] watches\n[-] scalers: not yet\n".to_owned()));
        scalers.missing("redis was not pulled");
        assert_eq!(readiness.report(), (false, "[+] watches\n[-] scalers: redis was not pulled\n".to_owned()));
        scalers.met();
        assert_eq!(readiness.report(), (true, "[+] watches\n[+] scalers\n".to_owned()));
    }
}
