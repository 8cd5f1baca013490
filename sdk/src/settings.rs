//! The declaration of a scaler's settings: one list from which parsing, defaults, every problem at once and the
//! description of the component come.
//!
//! It reads text that the host has resolved already; where a value came from is not known here.

use crate::connection::Connection;
use crate::scaler::Problem;
use crate::setting::Setting;

/// Where the value of a parameter may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The trigger's metadata.
    Metadata,
    /// A variable of the target's container, named by `…FromEnv` in the metadata.
    Environment,
    /// A TriggerAuthentication.
    Authentication,
}

/// One parameter, as the user knows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// Its name in the metadata.
    pub name: &'static str,
    /// What it is for: the lines of its documentation.
    pub summary: &'static [&'static str],
    /// A hint for documentation and checks: `string`, `integer`, `number`, `boolean` or `list`.
    pub kind: &'static str,
    /// Whether there is neither a default nor a meaning in leaving it out.
    pub required: bool,
    /// What it is where it is left out.
    pub default: Option<&'static str>,
    /// In order of precedence; the first that is not blank wins.
    pub origins: &'static [Origin],
    /// The field of the connection that it configures in the host. Unless the field is one that the host shows (`uri`,
    /// `vhost`, `timeout`, `auth-modes`), its value never gets here.
    pub feeds: Option<&'static str>,
    /// Why it should not be used any more, and what to use instead; it still works.
    pub deprecated: Option<&'static str>,
}

impl Parameter {
    /// One that configures the connection and is not seen by the scaler.
    pub const fn fed(
        name: &'static str,
        feeds: &'static str,
        kind: &'static str,
        origins: &'static [Origin],
        summary: &'static [&'static str],
    ) -> Self {
        Self { name, summary, kind, required: false, default: None, origins, feeds: Some(feeds), deprecated: None }
    }
}

/// A struct that `settings!` declared.
pub trait Settings: Sized {
    /// What it asks.
    type Connection: Connection;
    /// The value of `triggers[].type` that it serves.
    const TRIGGER_TYPE: &'static str;
    /// What it scales on: the lines of its documentation.
    const SUMMARY: &'static [&'static str];
    /// Its own parameters, in the order of the declaration; those of its connection are not among them.
    const PARAMETERS: &'static [Parameter];

    /// The settings of a trigger.
    ///
    /// # Errors
    /// Everything that is wrong with them, in the order of the declaration.
    fn parse(given: &[(String, String)]) -> Result<Self, Vec<Problem>>;
}

/// Reads the parameters of one trigger in the order of their declaration, and collects what is wrong.
#[derive(Debug)]
pub struct Reader<'a> {
    parameters: std::slice::Iter<'static, Parameter>,
    given: &'a [(String, String)],
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// A reader that stands before the first parameter.
    pub fn new(parameters: &'static [Parameter], given: &'a [(String, String)]) -> Self {
        Self { parameters: parameters.iter(), given, problems: Vec::new() }
    }

    /// The value of the next parameter; nothing where there is a problem with it.
    pub fn read<T: Setting>(&mut self) -> Option<T> {
        let (parameter, text) = self.next()?;
        let value = text.map_or_else(T::absent, T::parse);
        if value.is_none() {
            self.complain(parameter, text, T::ACCEPTED);
        }
        value
    }

    /// The next parameter and its text, given or by default. What does not depend on the type is not made for each type,
    /// because a component has to be small.
    fn next(&mut self) -> Option<(&'static Parameter, Option<&'a str>)> {
        let parameter = self.parameters.next()?;
        let given = self.given.iter().find(|(name, _)| name == parameter.name).map(|(_, text)| text.trim_ascii());
        Some((parameter, given.filter(|text| !text.is_empty()).or(parameter.default)))
    }

    fn complain(&mut self, parameter: &Parameter, text: Option<&str>, accepted: &str) {
        let message = text.map_or_else(|| missing(parameter), |text| refused(parameter, text, accepted));
        self.problems.push(Problem::of(parameter.name, message));
    }

    /// The settings, if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was.
    pub fn finish<T>(&mut self, build: impl FnOnce() -> Option<T>) -> Result<T, Vec<Problem>> {
        build().ok_or_else(|| std::mem::take(&mut self.problems))
    }
}

fn missing(parameter: &Parameter) -> String {
    let mut message = "is required; it is set".to_owned();
    for (index, origin) in parameter.origins.iter().enumerate() {
        message.push_str(if index == 0 { " " } else { " or " });
        message.push_str(match origin {
            Origin::Metadata => "in the trigger's metadata",
            Origin::Environment => "by a variable of the container",
            Origin::Authentication => "in a TriggerAuthentication",
        });
    }
    message
}

/// A value that may come from a TriggerAuthentication is not repeated, because it may be a secret.
fn refused(parameter: &Parameter, text: &str, accepted: &str) -> String {
    if parameter.origins.contains(&Origin::Authentication) {
        return format!("accepted is {accepted}, and the value is something else");
    }
    // 64 characters are enough to recognise one's own value by, and keep a pasted file out of a status message.
    let (shown, more) = match text.char_indices().nth(64) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "…"),
        None => (text, ""),
    };
    format!("accepted is {accepted}, not \"{shown}{more}\"")
}

/// Declares the settings of a scaler, once for all purposes.
///
/// ```
/// use bellows_sdk::prelude::*;
///
/// settings! {
///     /// Scales on the jobs of a queue.
///     pub struct Jobs("jobs") over redis {
///         /// Name of the queue.
///         queue: String = "queueName",
///         /// Prefix of its keys.
///         prefix: String = "prefix" from [metadata, environment] or "bull",
///         /// Jobs for each replica.
///         target: f64 = "jobsPerReplica" or 10.0,
///         /// Only jobs of this group.
///         group: Option<String> = "group",
///         /// The same, as it was once called.
///         set: Option<String> = "set" deprecated "use group instead",
///     }
/// }
/// ```
///
/// The connection is `redis`, `amqp`, `http`, `broker` (AMQP or HTTP), `workload` (pods) or
/// `nothing`. Values come from the metadata unless
/// `from` says otherwise; a default is read like any value; a parameter with neither a default nor an `Option` is
/// required. `feeds "uri"` configures the connection besides: the scaler sees the value without credentials.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $summary:literal])*
        $visibility:vis struct $name:ident($trigger_type:literal) over $connection:ident {
            $(
                $(#[doc = $help:literal])*
                $field:ident: $kind:ty = $parameter:literal $(from [$($origin:ident),+ $(,)?])? $(feeds $feeds:literal)?
                    $(or $default:literal)? $(deprecated $deprecated:literal)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $summary])*
        #[derive(Debug, Clone, PartialEq)]
        $visibility struct $name {
            $($(#[doc = $help])* $field: $kind,)*
        }

        impl $crate::Settings for $name {
            type Connection = $crate::__settings!(@connection $connection);
            const TRIGGER_TYPE: &'static str = $trigger_type;
            const SUMMARY: &'static [&'static str] = &[$($summary),*];
            const PARAMETERS: &'static [$crate::Parameter] = &[$($crate::Parameter {
                name: $parameter,
                summary: &[$($help),*],
                kind: <$kind as $crate::Setting>::KIND,
                required: !<$kind as $crate::Setting>::OPTIONAL && $crate::__settings!(@default $($default)?).is_none(),
                default: $crate::__settings!(@default $($default)?),
                origins: $crate::__settings!(@origins $($($origin),+)?),
                feeds: $crate::__settings!(@option $($feeds)?),
                deprecated: $crate::__settings!(@option $($deprecated)?),
            }),*];

            fn parse(given: &[(String, String)]) -> ::std::result::Result<Self, Vec<$crate::Problem>> {
                let mut reader = $crate::Reader::new(Self::PARAMETERS, given);
                $(let $field = reader.read::<$kind>();)*
                reader.finish(|| Some(Self { $($field: $field?),* }))
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __settings {
    (@connection redis) => { $crate::redis::Redis };
    (@connection amqp) => { $crate::amqp::Amqp };
    (@connection http) => { $crate::http::Http };
    (@connection broker) => { $crate::broker::Broker };
    (@connection workload) => { $crate::workload::Workload };
    (@connection nothing) => { $crate::Nothing };
    (@default) => { None::<&'static str> };
    (@default $default:literal) => { Some(concat!($default)) };
    (@option) => { None };
    (@option $given:literal) => { Some($given) };
    (@origins) => { &[$crate::Origin::Metadata] };
    (@origins $($origin:ident),+) => { &[$($crate::__settings!(@origin $origin)),+] };
    (@origin metadata) => { $crate::Origin::Metadata };
    (@origin environment) => { $crate::Origin::Environment };
    (@origin authentication) => { $crate::Origin::Authentication };
}

#[cfg(test)]
mod tests {
    use super::*;

    settings! {
        /// Everything that
        /// a declaration can say.
        struct Everything("everything") over nothing {
            /// A text.
            text: String = "text",
            /// A number.
            number: f64 = "number" or 10.0,
            /// A word.
            word: String = "word" from [metadata, environment] or "bull",
            /// A switch.
            switch: Option<bool> = "switch",
            /// A secret.
            secret: u32 = "secret" from [authentication, environment] or 1,
            /// A place.
            place: Option<String> = "place" from [metadata, authentication] feeds "uri" deprecated "use text",
        }
    }

    settings! {
        struct Silent("silent") over nothing {}
    }

    fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_left_out_gets_its_default() {
        let baseline =
            Everything { text: "t".into(), number: 10.0, word: "bull".into(), switch: None, secret: 1, place: None };
        assert_eq!(Everything::parse(&given(&[("text", "t")])), Ok(baseline.clone()));
        let blank = given(&[("text", " t\n"), ("number", "  "), ("word", ""), ("switch", " ")]);
        assert_eq!(Everything::parse(&blank), Ok(baseline), "blank is left out, and values are trimmed");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let wrong = given(&[("number", "ten"), ("switch", "yes"), ("secret", "hunter2"), ("stranger", "1")]);
        assert_eq!(
            Everything::parse(&wrong),
            Err(vec![
                Problem::of("text", "is required; it is set in the trigger's metadata"),
                Problem::of("number", "accepted is a number, such as 5 or 0.5, not \"ten\""),
                Problem::of("switch", "accepted is true or false, not \"yes\""),
                Problem::of("secret", "accepted is a whole number from 0, and the value is something else"),
            ])
        );
    }

    #[test]
    fn a_long_value_is_cut_in_the_message() {
        let problems = Everything::parse(&given(&[("text", "t"), ("number", &"é".repeat(100))]));
        let message = format!("accepted is a number, such as 5 or 0.5, not \"{}…\"", "é".repeat(64));
        assert_eq!(problems, Err(vec![Problem::of("number", message)]));
    }

    #[test]
    fn the_declaration_describes_itself() {
        use Origin::{Authentication, Environment, Metadata};
        let told: Vec<_> = Everything::PARAMETERS
            .iter()
            .map(|parameter| (parameter.name, parameter.kind, parameter.required, parameter.default, parameter.origins))
            .collect();
        assert_eq!(
            told,
            [
                ("text", "string", true, None, &[Metadata][..]),
                ("number", "number", false, Some("10.0"), &[Metadata]),
                ("word", "string", false, Some("bull"), &[Metadata, Environment]),
                ("switch", "boolean", false, None, &[Metadata]),
                ("secret", "integer", false, Some("1"), &[Authentication, Environment]),
                ("place", "string", false, None, &[Metadata, Authentication]),
            ]
        );
        let place = Everything::PARAMETERS.last().map(|parameter| (parameter.feeds, parameter.deprecated));
        assert_eq!(place, Some((Some("uri"), Some("use text"))));
        assert!(Everything::PARAMETERS[0].feeds.is_none() && Everything::PARAMETERS[0].deprecated.is_none());
        assert_eq!(Everything::SUMMARY, [" Everything that", " a declaration can say."]);
        assert_eq!(Everything::TRIGGER_TYPE, "everything");
    }

    #[test]
    fn a_scaler_may_have_no_settings() {
        assert_eq!(Silent::parse(&[]), Ok(Silent {}));
    }
}
