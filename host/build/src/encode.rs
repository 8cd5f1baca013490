//! A core module made a component, and what a component says of itself without being run.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use wit_component::{ComponentEncoder, DecodedWasm};

use crate::BuildError;

/// What a component wants and gives, by the full names of the interfaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// What it must be lent.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

/// Makes a component of what the compiler built, unless there is one that is as new; says whether it had to be done.
///
/// # Errors
/// The module cannot be read or holds no description of its world, or the component cannot be written.
pub fn encode(module: &Path, component: &Path) -> Result<bool, BuildError> {
    if component.exists() && modified(component)? >= modified(module)? {
        return Ok(false);
    }
    encode_anew(module, component)
}

/// The same whatever their ages, for where the component may be of another module; says whether it changed. What is a
/// component already, as `cargo component build` leaves it, is taken as it is.
///
/// # Errors
/// The same.
pub fn encode_anew(module: &Path, component: &Path) -> Result<bool, BuildError> {
    let bytes = read(module)?;
    let encoded = if is_component(&bytes) {
        bytes
    } else {
        let encoder = ComponentEncoder::default().validate(true).module(&bytes);
        let encoded = encoder.and_then(|mut encoder| encoder.encode());
        encoded.map_err(|error| BuildError::Encode { module: module.to_owned(), reason: format!("{error:#}") })?
    };
    let changed = fs::read(component).map_or(true, |before| before != encoded);
    let write = |path: &Path, source| BuildError::Write { path: path.to_owned(), source };
    let folder = component.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|source| write(folder, source))?;
    // A process that reads the folder meanwhile sees the old component or the new one, and never a half.
    let unfinished = component.with_extension("wasm.unfinished");
    fs::write(&unfinished, &encoded).map_err(|source| write(&unfinished, source))?;
    fs::rename(&unfinished, component).map_err(|source| write(component, source))?;
    Ok(changed)
}

/// What a component imports and exports.
///
/// # Errors
/// The bytes are no component.
pub fn interfaces(bytes: &[u8]) -> Result<Interfaces, BuildError> {
    let no = BuildError::NoComponent;
    if !is_component(bytes) {
        return Err(no("it is text, a core module, or something else".to_owned()));
    }
    let decoded = wit_component::decode(bytes).map_err(|error| no(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(no("it is a package of interfaces".to_owned()));
    };
    let Some(world) = resolve.worlds.get(world) else { return Err(no("it has no world".to_owned())) };
    Ok(Interfaces {
        imports: world.imports.keys().map(|key| resolve.name_world_key(key)).collect(),
        exports: world.exports.keys().map(|key| resolve.name_world_key(key)).collect(),
    })
}

/// By the first eight bytes: the magic word, and the version and layer of components.
pub(crate) fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::Read { path: path.to_owned(), source })
}

pub(crate) fn modified(path: &Path) -> Result<SystemTime, BuildError> {
    let modified = fs::metadata(path).and_then(|about| about.modified());
    modified.map_err(|source| BuildError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_component_already_is_taken_as_it_is_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        let (module, component) = (folder.path().join("a.wasm"), folder.path().join("out/b.wasm"));
        let bytes = wat::parse_str("(component (core module (func)))").unwrap();
        fs::write(&module, &bytes).unwrap();
        assert!(encode(&module, &component).unwrap());
        assert_eq!(fs::read(&component).unwrap(), bytes);
        assert!(!encode(&module, &component).unwrap());
    }

    #[test]
    fn what_is_no_module_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("a.wasm");
        fs::write(&module, "hello").unwrap();
        let error = encode(&module, &folder.path().join("b.wasm")).unwrap_err();
        assert!(error.to_string().contains("a.wasm"), "{error}");
        assert!(!folder.path().join("b.wasm").exists());
    }

    #[test]
    fn a_component_says_what_it_wants_and_a_module_is_none() {
        let text = r#"(component (import "a:b/c@0.1.0" (instance)) (import "a:b/d@0.1.0" (instance)))"#;
        let found = interfaces(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(found.imports, ["a:b/c@0.1.0", "a:b/d@0.1.0"]);
        let error = interfaces(&wat::parse_str("(module)").unwrap()).unwrap_err();
        assert!(matches!(error, BuildError::NoComponent(_)), "{error}");
    }
}
