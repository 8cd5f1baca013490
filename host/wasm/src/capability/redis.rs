//! Reading from a Redis server that the owner of the trigger configured. A guest names a connection of its own
//! declaration, never an address; only commands that read, and cost little, are let through.

use bellows_core::connection::{Connection, RedisConnection};
use bellows_core::failure::{Blame, Failure, FailureKind};
use bellows_core::rights::Rights;
use bellows_core::rights::commands::{GRANTABLE, READING};
use futures::future::BoxFuture;
use tokio::time::Instant;
use wasmtime::component::Resource;

use crate::bindings::redis::{Host, HostConnection, Value};
use crate::bindings::{GuestFailure, failure_for_guest};
use crate::printable;
use crate::state::State;

/// Commands in one pipeline: ten for each trigger of a batch of a thousand.
const COMMANDS_MAX: usize = 10_000;

/// A reply of a Redis server, as it stands in the flattened list that a guest gets.
#[derive(Debug, Clone, PartialEq)]
pub enum RedisValue {
    /// No value.
    Nil,
    /// A whole number.
    Integer(i64),
    /// A floating point number.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// Bytes that are UTF-8.
    Text(String),
    /// Bytes that are not.
    Bytes(Vec<u8>),
    /// The header of a list; that many values follow, nested ones flattened.
    Items(u32),
    /// The header of a map; that many keys follow, each with its value after it.
    Pairs(u32),
    /// An error reply: `WRONGTYPE Operation against…`.
    Error(String),
}

/// The replies to a pipeline: for each command its values.
pub type Replies = Vec<Vec<RedisValue>>;

/// Where replies come from: the pool of connections, or the script of a test.
pub trait RedisSource: Send + Sync + 'static {
    /// Sends all commands at once and answers with one reply for each, in order, before `until`. The commands have passed
    /// the allow-list. `namespace` is the one whose search list completes a short name.
    fn pipeline<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call RedisConnection,
        commands: Vec<Vec<String>>,
        until: Instant,
    ) -> BoxFuture<'call, Result<Replies, Failure>>;
}

/// What a guest holds for a connection: its name.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the bindings export it under their own name")]
pub struct Handle(String);

fn pick(connection: &Connection) -> Option<&RedisConnection> {
    if let Connection::Redis(redis) = connection { Some(redis) } else { None }
}

/// Lets reading commands through, and those that a Scaler was granted, and names the first other one. The ceiling is judged
/// once more: whoever made the rights, what is above it does not pass.
fn judge(commands: &[Vec<String>], rights: Option<&Rights>) -> Result<(), Failure> {
    if commands.len() > COMMANDS_MAX {
        let message = format!("{} commands in one pipeline, {COMMANDS_MAX} are allowed", commands.len());
        return Err(Failure::new(FailureKind::Invalid, Blame::Scaler, "too-many-commands", message));
    }
    let refused = commands.iter().find_map(|command| {
        let name = command.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        let granted = GRANTABLE.contains(&name.as_str()) && rights.is_some_and(|rights| rights.allows_command(&name));
        (!READING.contains(&name.as_str()) && !granted).then_some(name)
    });
    match refused {
        None => Ok(()),
        Some(name) => {
            let shown = printable::line(&name, 64);
            let message = match rights.filter(|_| GRANTABLE.contains(&name.as_str())) {
                Some(rights) => rights.command_withheld(&name),
                None => format!("the command {shown:?} is not let through: a scaler only reads"),
            };
            Err(Failure::new(FailureKind::Denied, Blame::Scaler, "command", message))
        }
    }
}

fn value_for_guest(value: RedisValue) -> Value {
    match value {
        RedisValue::Nil => Value::Nil,
        RedisValue::Integer(integer) => Value::Integer(integer),
        RedisValue::Double(double) => Value::Double(double),
        RedisValue::Boolean(boolean) => Value::Boolean(boolean),
        RedisValue::Text(text) => Value::Text(text),
        RedisValue::Bytes(bytes) => Value::Bytes(bytes),
        RedisValue::Items(count) => Value::Items(count),
        RedisValue::Pairs(count) => Value::Pairs(count),
        RedisValue::Error(error) => Value::Error(error),
    }
}

impl State {
    async fn pipeline(&mut self, name: &str, commands: Vec<Vec<String>>) -> Result<Replies, Failure> {
        judge(&commands, self.lending.rights.as_deref())?;
        let lending = &mut self.lending;
        let connection = lending.find(name, pick)?;
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let result = lending.sources.redis.pipeline(&lending.namespace, &connection, commands, lending.until).await;
        lending.saw([&result]);
        result
    }
}

impl Host for State {
    async fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Handle>, GuestFailure>> {
        self.budget.host_call()?;
        if let Err(failure) = self.lending.find(&name, pick) {
            return Ok(Err(failure_for_guest(&failure)));
        }
        Ok(self.handles.push(Handle(name)).map_err(|_full| crate::capability::too_many_handles()))
    }
}

impl HostConnection for State {
    async fn pipeline(
        &mut self,
        handle: Resource<Handle>,
        commands: Vec<Vec<String>>,
    ) -> wasmtime::Result<Result<Vec<Vec<Value>>, GuestFailure>> {
        self.budget.host_call()?;
        let name = self.handles.get(&handle)?.0.clone();
        let replies = Self::pipeline(self, &name, commands).await;
        Ok(replies
            .map(|replies| replies.into_iter().map(|reply| reply.into_iter().map(value_for_guest).collect()).collect())
            .map_err(|failure| failure_for_guest(&failure)))
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> wasmtime::Result<()> {
        self.handles.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::fuzz;

    use super::*;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn reading_commands_are_let_through_in_any_case() {
        assert_eq!(judge(&[command(&["LLEN", "k"]), command(&["type", "k"])], None), Ok(()));
    }

    #[test]
    fn whatever_writes_walks_runs_or_waits_is_refused_by_name() {
        for name in
            ["EVAL", "KEYS", "SCAN", "SUBSCRIBE", "CONFIG", "SET", "BLPOP", "CLIENT", "FCALL", "AUTH", "SELECT", ""]
        {
            let failure = judge(&[command(&["PING"]), command(&[name, "x"])], None).unwrap_err();
            assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Denied, "command"), "{name}");
            assert!(failure.message.contains(&format!("{name:?}")), "{}", failure.message);
        }
    }

    #[test]
    fn a_command_that_is_granted_is_let_through_and_another_is_told_with_the_patch() {
        let granted = crate::lending::rights(&["SMEMBERS"], None);
        assert_eq!(judge(&[command(&["smembers", "k"]), command(&["LLEN", "k"])], Some(&granted)), Ok(()));
        let failure = judge(&[command(&["LRANGE", "k", "0", "-1"])], Some(&granted)).unwrap_err();
        assert_eq!((failure.kind, failure.code.as_str()), (FailureKind::Denied, "command"));
        assert!(failure.message.contains("redisCommands of Scaler queue do not name LRANGE"), "{}", failure.message);
        assert!(failure.message.contains("kubectl patch scaler queue"), "{}", failure.message);
        // A component of the host's own folder has no grants, so it has no more than the list.
        assert!(judge(&[command(&["SMEMBERS", "k"])], None).is_err());
        assert!(judge(&[command(&["SET", "k", "v"])], Some(&granted)).is_err());
    }

    #[test]
    fn a_pipeline_without_end_is_refused() {
        let failure = judge(&vec![command(&["PING"]); COMMANDS_MAX + 1], None).unwrap_err();
        assert_eq!(failure.code, "too-many-commands");
    }

    #[test]
    fn whatever_is_asked_only_commands_that_read_are_let_through() {
        let known = prop::sample::select(READING.to_vec()).prop_map(str::to_owned);
        let word = prop_oneof![fuzz::text(), known];
        let commands = prop::collection::vec(prop::collection::vec(word, 0..4), 0..6);
        fuzz::target("redis commands", commands, |commands| match judge(&commands, None) {
            Ok(()) => {
                let reads = |name: &String| READING.iter().any(|reading| reading.eq_ignore_ascii_case(name));
                assert!(commands.iter().all(|command| command.first().is_some_and(reads)));
            }
            Err(failure) => {
                assert_eq!((failure.kind, failure.blame), (FailureKind::Denied, Blame::Scaler));
                fuzz::assert_printable(&failure.message, 300);
            }
        });
    }
}
