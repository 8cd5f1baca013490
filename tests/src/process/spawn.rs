//! The thread that forks.
//!
//! Owns one fact of Linux: a parent-death signal fires when the *thread* that forked ends, and a test runs in a thread
//! that ends before its process does. So one thread, which lives as long as we do, starts everything.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Starts that may wait for their turn. A start takes a millisecond, and a test run has a handful of threads: 16 never fill.
const QUEUE: usize = 16;

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts a process from the thread that lives as long as we do.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<SyncSender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (send, receive) = sync_channel::<Order>(QUEUE);
        std::thread::spawn(move || {
            for (mut command, answer) in receive {
                // Whoever asked has gone away when this fails; then dropping the child is all that is left to do.
                let _unheard = answer.send(command.spawn());
            }
        });
        send
    });
    let gone = |_| io::Error::other("the thread that starts processes is gone");
    let (answer, answered) = sync_channel(1);
    orders.send((command, answer)).map_err(|unsent| gone(unsent.to_string()))?;
    answered.recv().map_err(|unheard| gone(unheard.to_string()))?
}
