//! Asking a Redis server: commands in, replies out, and the parameters that every trigger over Redis has.
//!
//! The host holds the connection and lets reading commands through only; no address or password is known here.

mod parameters;
mod reply;

use crate::connection::{Connection, ConnectionType, Protocol};
use crate::desk::Desk;
use crate::failure::{Failure, Result};
use crate::settings::Parameter;

pub use reply::{DEPTH_MAX, Piece, Reply};

/// A command and its arguments.
pub type Command = Vec<String>;

/// A command, to be asked.
pub fn cmd<T: Into<String>>(name: &str, arguments: impl IntoIterator<Item = T>) -> Command {
    std::iter::once(name.to_owned()).chain(arguments.into_iter().map(Into::into)).collect()
}

/// A Redis server, as a trigger sees it. Whatever several triggers wait for at the same time travels in one pipeline,
/// and equal commands once.
#[derive(Debug)]
pub struct Redis(Desk<Command, Reply>);

impl Redis {
    /// Asks several things at once: one reply for each, in order.
    ///
    /// # Errors
    /// The failure of the pipeline. A reply may still be an error of its own.
    pub async fn ask(&self, commands: impl IntoIterator<Item = Command>) -> Result<Vec<Reply>> {
        self.0.ask(commands.into_iter().collect()).await
    }

    /// Asks for one reply that is not an error.
    ///
    /// # Errors
    /// The failure of the pipeline, or the one that the server's error means.
    pub async fn reply(&self, command: Command) -> Result<Reply> {
        self.ask([command]).await?.pop().ok_or_else(unanswered)?.no_error()
    }

    /// Asks for a whole number.
    ///
    /// # Errors
    /// As `reply`, and `unexpected-reply` where it is no number.
    pub async fn integer(&self, command: Command) -> Result<i64> {
        self.reply(command).await?.integer()
    }

    /// Asks for several whole numbers at once.
    ///
    /// # Errors
    /// The first that `integer` would meet.
    pub async fn integers<const N: usize>(&self, commands: [Command; N]) -> Result<[i64; N]> {
        let numbers: Vec<i64> = self.ask(commands).await?.into_iter().map(Reply::integer).collect::<Result<_>>()?;
        numbers.try_into().map_err(|_| unanswered())
    }

    /// Asks for a text.
    ///
    /// # Errors
    /// As `reply`, and `unexpected-reply` where it is no text.
    pub async fn text(&self, command: Command) -> Result<String> {
        self.reply(command).await?.text()
    }
}

impl Connection for Redis {
    type Question = Command;
    type Answer = Reply;
    const TYPE: Option<ConnectionType> = Some(ConnectionType { name: "redis", protocols: &[Protocol::Redis] });
    const PARAMETERS: &'static [Parameter] = parameters::ALL;

    fn over(desk: Desk<Command, Reply>) -> Self {
        Self(desk)
    }

    fn desk(&self) -> &Desk<Command, Reply> {
        &self.0
    }
}

fn unanswered() -> Failure {
    Failure::transient("unexpected-reply", "the server gave fewer replies than there were commands")
}
