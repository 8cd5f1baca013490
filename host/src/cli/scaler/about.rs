//! What a component is, on one page: its size and digest, what it imports, and each trigger type with its parameters.
//!
//! Everything here was said by the component or read from its bytes; texts of guests were made safe when it was loaded.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;
use bellows_core::connection::Protocol;
use bellows_core::scaler::{ConnectionSlot, Parameter, Source, TriggerType};
use bellows_wasm::Scaler;
use bellows_wasm::oci::Interfaces;
use serde::Serialize;

/// Imports that give nothing away: types without functions, and what stays within the host.
const HARMLESS: [&str; 3] = ["types", "memo", "log"];
/// The annotation that names the trigger types of an artifact, with commas between.
pub(super) const TRIGGER_TYPES: &str = "dev.bellows.scaler.trigger-types";

/// A component, as `inspect --output json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    component: String,
    bytes: usize,
    digest: String,
    name: String,
    version: String,
    summary: String,
    imports: Vec<String>,
    exports: Vec<String>,
    /// Capabilities that an operator would have to grant.
    needs: Vec<String>,
    trigger_types: Vec<Kind>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    name: String,
    summary: String,
    connections: Vec<Slot>,
    parameters: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Slot {
    name: String,
    protocols: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Setting {
    name: String,
    summary: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    sources: Vec<&'static str>,
    /// `CONNECTION.FIELD`, of what configures a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    feeds: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<String>,
}

impl About {
    /// What is known of a component that was loaded.
    pub(super) fn of(component: &Path, scaler: &Scaler) -> anyhow::Result<Self> {
        let bytes = fs::read(component).with_context(|| format!("cannot read {}", component.display()))?;
        let interfaces = self::interfaces(&bytes).with_context(|| format!("cannot read {}", component.display()))?;
        let description = scaler.description();
        Ok(Self {
            component: component.display().to_string(),
            bytes: bytes.len(),
            digest: format!("sha256:{}", scaler.digest()),
            name: description.name.clone(),
            version: description.version.clone(),
            summary: description.summary.clone(),
            needs: needs(&interfaces.imports),
            imports: interfaces.imports,
            exports: interfaces.exports,
            trigger_types: description.trigger_types.iter().map(kind).collect(),
        })
    }

    /// The page.
    pub(super) fn text(&self) -> String {
        let needs = if self.needs.is_empty() { "nothing".to_owned() } else { self.needs.join(", ") };
        let mut text = format!("{} {}  {}\n", self.name, self.version, self.summary);
        // Writing to a string does not fail.
        for (name, value) in [
            ("component", &self.component),
            ("size", &size(self.bytes)),
            ("digest", &self.digest),
            ("imports", &self.imports.join(", ")),
            ("exports", &self.exports.join(", ")),
            ("needs", &needs),
        ] {
            _ = writeln!(text, "{name:<10} {value}");
        }
        for kind in &self.trigger_types {
            _ = writeln!(text, "\ntrigger type {}  {}", kind.name, kind.summary);
            for slot in &kind.connections {
                _ = writeln!(text, "  connection {}: {}", slot.name, slot.protocols.join(" or "));
            }
            let (fed, own): (Vec<_>, Vec<_>) = kind.parameters.iter().partition(|parameter| parameter.feeds.is_some());
            let width = kind.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or_default();
            for (title, parameters) in [("of its own", own), ("of its connections", fed)] {
                if !parameters.is_empty() {
                    _ = writeln!(text, "  parameters {title}");
                }
                for parameter in parameters {
                    _ = writeln!(text, "    {:<width$}  {}", parameter.name, parameter.line());
                }
            }
        }
        text
    }
}

impl Setting {
    fn line(&self) -> String {
        let presence = match (&self.default, self.required) {
            (Some(default), _) => format!("default {default}"),
            (None, true) => "required".to_owned(),
            (None, false) => "optional".to_owned(),
        };
        let sources = self.sources.join(", ");
        let feeds = self.feeds.as_ref().map(|feeds| format!(" → {feeds}")).unwrap_or_default();
        let deprecated = self.deprecated.as_ref().map(|why| format!(" (deprecated: {why})")).unwrap_or_default();
        format!("{presence}; from {sources}{feeds}  {}{deprecated}", self.summary)
    }
}

/// What a component imports and exports, as the config of an artifact says it.
pub(super) fn interfaces(component: &[u8]) -> anyhow::Result<Interfaces> {
    let found = bellows_build::interfaces(component)?;
    Ok(Interfaces { exports: found.exports, imports: found.imports })
}

/// The capabilities behind imports, without those that give nothing away.
pub(super) fn needs(imports: &[String]) -> Vec<String> {
    let interface = |import: &String| {
        let name = import.split_once('@').map_or(import.as_str(), |(name, _)| name);
        name.rsplit(['/', ':']).next().unwrap_or(name).to_owned()
    };
    imports.iter().map(interface).filter(|name| !HARMLESS.contains(&name.as_str())).collect()
}

/// `81 KiB (83005 bytes)`.
pub(super) fn size(bytes: usize) -> String {
    format!("{} KiB ({bytes} bytes)", bytes.div_ceil(1024))
}

fn kind(kind: &TriggerType) -> Kind {
    Kind {
        name: kind.name.clone(),
        summary: kind.summary.clone(),
        connections: kind.connections.iter().map(slot).collect(),
        parameters: kind.parameters.iter().map(setting).collect(),
    }
}

fn slot(slot: &ConnectionSlot) -> Slot {
    let protocol = |protocol: &Protocol| match protocol {
        Protocol::Redis => "redis",
        Protocol::Amqp => "amqp",
        Protocol::Http => "http",
    };
    Slot { name: slot.name.clone(), protocols: slot.protocols.iter().map(protocol).collect() }
}

fn setting(parameter: &Parameter) -> Setting {
    let source = |source: &Source| match source {
        Source::Metadata => "metadata",
        Source::Environment => "environment",
        Source::Authentication => "authentication",
    };
    Setting {
        name: parameter.name.clone(),
        summary: parameter.summary.clone(),
        required: parameter.required,
        default: parameter.default.clone(),
        sources: parameter.sources.iter().map(source).collect(),
        feeds: parameter.feeds.as_ref().map(|feed| format!("{}.{}", feed.connection, feed.field)),
        deprecated: parameter.deprecated.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows_core::scaler::Feed;

    fn about() -> About {
        let parameter = |name: &str, required, default: Option<&str>| Parameter {
            name: name.into(),
            summary: format!("About {name}."),
            required,
            default: default.map(str::to_owned),
            sources: vec![Source::Metadata],
            feeds: None,
            deprecated: None,
        };
        let feeds = Some(Feed { connection: "redis".into(), field: "addresses".into() });
        let address = Parameter {
            feeds,
            sources: vec![Source::Metadata, Source::Environment],
            ..parameter("address", false, None)
        };
        let old = Parameter { deprecated: Some("give list".into()), ..parameter("queue", false, None) };
        let kind = TriggerType {
            name: "mine".into(),
            summary: "Scales.".into(),
            parameters: vec![parameter("list", true, None), parameter("length", false, Some("5")), old, address],
            connections: vec![ConnectionSlot { name: "redis".into(), protocols: vec![Protocol::Redis] }],
        };
        let imports: Vec<String> =
            ["types", "redis"].map(|name| format!("bellows:scaler/{name}@0.1.0")).into_iter().collect();
        About {
            component: "mine.wasm".into(),
            bytes: 83_005,
            digest: "sha256:ab".into(),
            name: "my-scaler".into(),
            version: "1.0.0".into(),
            summary: "Counts.".into(),
            needs: needs(&imports),
            imports,
            exports: vec!["bellows:scaler/plugin@0.1.0".into()],
            trigger_types: vec![super::kind(&kind)],
        }
    }

    #[test]
    fn people_read_what_it_needs_and_each_parameter_by_where_it_goes() {
        let expected = "\
my-scaler 1.0.0  Counts.
component  mine.wasm
size       82 KiB (83005 bytes)
digest     sha256:ab
imports    bellows:scaler/types@0.1.0, bellows:scaler/redis@0.1.0
exports    bellows:scaler/plugin@0.1.0
needs      redis

trigger type mine  Scales.
  connection redis: redis
  parameters of its own
    list     required; from metadata  About list.
    length   default 5; from metadata  About length.
    queue    optional; from metadata  About queue. (deprecated: give list)
  parameters of its connections
    address  optional; from metadata, environment → redis.addresses  About address.
";
        assert_eq!(about().text(), expected);
    }

    #[test]
    fn programs_read_the_same() {
        let json = serde_json::to_value(about()).unwrap();
        assert_eq!(json["needs"], serde_json::json!(["redis"]));
        let parameter = &json["triggerTypes"][0]["parameters"][3];
        assert_eq!(parameter["feeds"], "redis.addresses");
        assert_eq!(parameter["sources"], serde_json::json!(["metadata", "environment"]));
    }
}
