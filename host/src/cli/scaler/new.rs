//! `bellows scaler new NAME`: a folder with a scaler that works, its cases, and a workflow that builds and tests it.
//!
//! Each file is a template beside this one. Refuses to write into a folder that is there already.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use anyhow::{Context, bail};

mod script;
mod sdk;
mod template;

use sdk::Sdk;
use template::{Files, Over};

/// Longest name: what a label of Kubernetes may have.
const NAME_BYTES_MAX: usize = 63;

/// Arguments of `bellows scaler new`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Then: cd NAME && bellows scaler test")]
pub(super) struct NewArguments {
    /// Name of the scaler, of the trigger type, and of the folder, which is made here
    #[arg(value_name = "NAME")]
    name: String,
    /// Language to write it in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    language: Language,
    /// What it asks
    #[arg(long, value_name = "SOURCE", default_value = "redis")]
    over: Over,
    /// Where the SDK for Rust is: a folder, a Git URL, or a version [default: the checkout that this program was built of];
    /// those for other languages are copied into the new folder
    #[arg(long, value_name = "FOLDER|URL|VERSION")]
    sdk: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// The language of the host: the smallest components
    Rust,
    /// Wrapped by componentize-js
    Javascript,
    /// Wrapped by componentize-py
    Python,
    /// Refused
    Go,
}

/// Runs the command.
pub(super) fn run(arguments: &NewArguments) -> anyhow::Result<ExitCode> {
    let name = &arguments.name;
    judge(name)?;
    let begun = match arguments.language {
        Language::Rust => in_rust(arguments)?,
        Language::Javascript => in_script(arguments, &script::JAVASCRIPT)?,
        Language::Python => in_script(arguments, &script::PYTHON)?,
        Language::Go => bail!(
            "--language go is not supported by this release of Bellows: its SDKs are for rust, javascript and python; a \
             component of any language that serves the contract in wit/ and imports no WASI is loaded all the same"
        ),
    };
    let folder = PathBuf::from(name);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} is there already: give another name, or remove it", folder.display())
        }
        made => made.with_context(|| format!("cannot make {}", folder.display()))?,
    }
    for (path, text) in begun.files {
        write(&folder.join(path), &text)?;
    }
    println!("{name} is begun, over {}; the SDK is {}", arguments.over.label(), begun.sdk);
    if let Some(hint) = begun.hint {
        println!("{hint}");
    }
    println!("next: cd {name}{} && bellows scaler test", begun.install);
    Ok(ExitCode::SUCCESS)
}

/// What is to be written and told.
struct Begun {
    files: Files,
    /// Where the SDK comes from.
    sdk: String,
    hint: Option<&'static str>,
    /// What has to be done before the first build, as part of a line for a shell.
    install: String,
}

fn in_rust(arguments: &NewArguments) -> anyhow::Result<Begun> {
    let sdk = match &arguments.sdk {
        Some(given) => Sdk::parse(given)?,
        None => Sdk::of_checkout()?,
    };
    let local = matches!(sdk, Sdk::Folder(_));
    let hint = "before others build it, name the SDK in Cargo.toml by its Git URL: that folder is on this machine only";
    Ok(Begun {
        files: arguments.over.files(&arguments.name, &sdk),
        sdk: sdk.to_string(),
        hint: local.then_some(hint),
        install: String::new(),
    })
}

fn in_script(arguments: &NewArguments, language: &script::Language) -> anyhow::Result<Begun> {
    if arguments.sdk.is_some() {
        bail!("--sdk is for rust: a scaler in {} has its SDK copied into its folder", language.label);
    }
    Ok(Begun {
        files: language.files(arguments.over, &arguments.name)?,
        sdk: "the copy in bellows/".to_owned(),
        hint: None,
        install: format!(" && {}", language.install),
    })
}

/// A name that a package, a trigger type and a metric can have.
fn judge(name: &str) -> anyhow::Result<()> {
    let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let sound = name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.chars().all(letters)
        && name.len() <= NAME_BYTES_MAX;
    if !sound {
        bail!(
            "{name:?} is no name for a scaler: accepted are up to {NAME_BYTES_MAX} small letters, digits and hyphens, a \
             letter first and no hyphen last, such as my-queue"
        );
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_for_a_crate_and_for_a_trigger_type() {
        for name in ["mine", "my-queue2", &"a".repeat(63)] {
            judge(name).unwrap();
        }
        for name in ["", "Mine", "2mine", "my_queue", "../mine", "mine-", "-mine", &"a".repeat(64)] {
            let told = judge(name).unwrap_err().to_string();
            assert!(told.contains("is no name for a scaler"), "{told}");
        }
    }
}
