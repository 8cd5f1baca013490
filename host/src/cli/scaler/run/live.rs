//! Polls of a real source: the settings are resolved as those of a trigger are, and the connections are the host's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use bellows_core::grant::{Cidr, EgressPolicy};
use bellows_core::parameter::{self, Sources};
use bellows_core::scaler::{Trigger, TriggerType};
use bellows_wasm::{Call, Engine, EngineSettings, Limits, NetworkSettings, Scaler, Sources as Lent};
use tokio::runtime::Runtime;

use super::{RunArguments, Setting, pairs, plan, poll};
use crate::clock;
use crate::poll::DEADLINE;
use crate::rehearse::{self, Recorder};

/// Addresses of this machine. Whoever names one here means his own.
const HERE: [&str; 2] = ["127.0.0.0/8", "::1"];
/// Where short names of hosts are completed, and the namespace of the trigger.
const NAMESPACE: &str = "default";

pub(super) fn run(arguments: &RunArguments, runtime: &Runtime, component: &Path) -> anyhow::Result<ExitCode> {
    runtime.block_on(async {
        let network = network(arguments)?;
        let pools = bellows_wasm::pools(&network).context("cannot set up the network")?;
        let recorder = Recorder::of(pools.clone());
        // Only one poll is ever recorded, so what is kept is bounded by what one call may ask.
        let lent = if arguments.record.is_some() { recorder.sources() } else { pools };
        let loading = engine(arguments, network, lent)?.load(component).await;
        let scaler = loading.with_context(|| format!("{} is refused, here as by the host", component.display()))?;
        let kind = kind(&scaler, arguments.kind.as_deref())?;
        let authentication = authentication(arguments)?;
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let metadata = pairs(&arguments.set);
        for stranger in strangers(kind, &metadata) {
            println!("warning  {stranger} is no parameter of {}, and is ignored", kind.name);
        }
        let sources = Sources {
            metadata,
            environment: Some(&environment),
            authentication: authentication.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        };
        let settings = match parameter::resolve(kind, &sources) {
            Ok(settings) => settings,
            Err(problems) => {
                problems.iter().for_each(|problem| println!("problem  {problem}"));
                return Ok(ExitCode::FAILURE);
            }
        };
        settings.warnings.iter().for_each(|warning| println!("warning  {warning}"));
        let trigger = Trigger {
            id: format!("{NAMESPACE}/live/0"),
            trigger_type: kind.name.clone(),
            metric_type: None,
            settings: settings.settings,
        };
        let Some(planned) = plan(&scaler, &trigger).await else { return Ok(ExitCode::FAILURE) };
        let (clock, trigger, connections) = (clock::start(), Arc::new(trigger), Arc::new(settings.connections));
        poll(arguments, || {
            let call = Call {
                at: clock().wall,
                namespace: NAMESPACE.to_owned(),
                connections: Arc::clone(&connections),
                triggers: vec![Arc::clone(&trigger)],
                deadline: DEADLINE,
            };
            let scaler = Arc::clone(&scaler);
            let (recorder, planned, trigger) = (&recorder, &planned, &trigger);
            async move {
                let outcomes = scaler.measure(call).await.outcomes;
                if let (Some(file), [outcome]) = (&arguments.record, outcomes.as_slice()) {
                    let case = rehearse::written("recorded", trigger, planned, recorder, outcome);
                    case.map_err(anyhow::Error::msg).and_then(|case| append(file, &case))?;
                    println!("recorded in {}", file.display());
                }
                Ok(outcomes)
            }
        })
        .await
    })
}

fn network(arguments: &RunArguments) -> anyhow::Result<NetworkSettings> {
    Ok(NetworkSettings { egress: reachable(&arguments.allow_egress)?, ..NetworkSettings::default() })
}

/// What an author's commands may dial: this machine too, and what he allows besides.
pub(in crate::cli::scaler) fn reachable(allowed: &[Cidr]) -> anyhow::Result<EgressPolicy> {
    let here = HERE.iter().map(|block| block.parse::<Cidr>()).collect::<Result<Vec<_>, _>>()?;
    Ok(EgressPolicy::new(here.into_iter().chain(allowed.iter().copied()).collect()))
}

fn engine(arguments: &RunArguments, network: NetworkSettings, lent: Lent) -> anyhow::Result<Engine> {
    let settings = EngineSettings {
        cache: arguments.workshop.folder()?,
        compiler: crate::app::compiler()?,
        limits: Limits::default(),
        network,
    };
    Engine::with_sources(settings, lent).context("cannot start the engine for scalers")
}

/// Adds a case to a file, which is made where it is missing.
fn append(file: &Path, case: &str) -> anyhow::Result<()> {
    let opened = fs::OpenOptions::new().append(true).create(true).open(file);
    let written = opened.and_then(|mut opened| write!(opened, "\n{case}"));
    written.with_context(|| format!("--record: cannot write {}", file.display()))
}

fn kind<'a>(scaler: &'a Scaler, wanted: Option<&str>) -> anyhow::Result<&'a TriggerType> {
    let served = &scaler.description().trigger_types;
    let names: Vec<&str> = served.iter().map(|kind| kind.name.as_str()).collect();
    match (wanted, served.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => bail!("the component serves several trigger types; name one with --type: {}", names.join(", ")),
        (Some(wanted), _) => served.iter().find(|kind| kind.name == wanted).with_context(|| {
            format!("the component does not serve {wanted}; name another with --type: {}", names.join(", "))
        }),
    }
}

fn authentication(arguments: &RunArguments) -> anyhow::Result<BTreeMap<String, String>> {
    let mut given: BTreeMap<String, String> =
        arguments.set_auth.iter().map(|set| (set.name.clone(), set.value.clone())).collect();
    for Setting { name, value: variable } in &arguments.set_auth_from_env {
        let value = std::env::var(variable)
            .with_context(|| format!("--set-auth-from-env {name}: there is no variable {variable} that is text"))?;
        given.insert(name.clone(), value);
    }
    Ok(given)
}

/// Settings that the trigger type does not declare.
fn strangers<'a>(kind: &TriggerType, metadata: &BTreeMap<&'a str, &'a str>) -> Vec<&'a str> {
    let declared = |name: &str| kind.parameters.iter().any(|parameter| parameter.name == name);
    let known = |name: &str| declared(name) || name.strip_suffix("FromEnv").is_some_and(declared);
    metadata.keys().copied().filter(|name| !known(name)).collect()
}
