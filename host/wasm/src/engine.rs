//! The engine: from the path of a component to a [`Scaler`] that was compiled, judged and described.
//!
//! Loading is where a component is refused, by name and with the reason; nothing of it runs before its imports are judged.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bellows_core::failure::Failure;
use bellows_core::rights::{Allowance, Ceiling};
use tokio::io::AsyncReadExt;
use tokio::sync::{Mutex, Semaphore};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::bindings::ScalerPre;
use crate::cache::{self, Cache, CacheError, Unfinished};
use crate::capability::log::LogBudget;
use crate::capability::memo::MemoStore;
use crate::capability::workload::PodSource;
use crate::capability::{self, ImportError};
use crate::compile::{self, CompileError, Compiler};
use crate::connection::{self, NetworkError, NetworkSettings};
use crate::lending::Sources;
use crate::limits::{INSTANCES_MAX, Limits, Ticker};
use crate::prepared::Prepared;
use crate::scaler::{Guest, Scaler};
use crate::state::State;

const PLUGIN: &str = "bellows:scaler/plugin";

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// Folder of compiled components; made where it is missing, refused where others may enter it.
    pub cache: PathBuf,
    /// How to start the child that compiles.
    pub compiler: Compiler,
    /// Bounds of each component and each call.
    pub limits: Limits,
    /// How connections are made.
    pub network: NetworkSettings,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime cannot run here.
    #[error("cannot start the WebAssembly engine: {0}")]
    Start(String),
    /// The thread that interrupts guests could not be started.
    #[error("cannot start the epoch thread")]
    Ticker(#[source] std::io::Error),
    /// The folder of compiled components cannot be used.
    #[error("cannot use the folder of compiled components")]
    Cache(#[from] CacheError),
    /// Names could not be looked up, or certificates not be read.
    #[error("cannot set up the network")]
    Network(#[from] NetworkError),
}

/// Why a component was not let in.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is larger than a component may be.
    #[error("{path} has more than {bytes_max} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        bytes_max: u64,
    },
    /// It could not be compiled.
    #[error("cannot compile the component")]
    Compile(#[from] CompileError),
    /// The compiled form could not be kept or found again.
    #[error("cannot keep the compiled component")]
    Cache(#[from] CacheError),
    /// It imports what is not lent.
    #[error("the component {0}")]
    Import(ImportError),
    /// It does not export the contract's interface.
    #[error("the component does not export {PLUGIN}@0.1, so it is no scaler")]
    NoPlugin,
    /// It names the right interfaces with other types.
    #[error("the component does not fit the contract: {0}")]
    Link(String),
    /// It did not describe itself.
    #[error("the component does not describe itself: {0}")]
    Describe(Failure),
    /// It described itself wrongly; all that is wrong.
    #[error("the component describes itself wrongly: {}", .0.join("; "))]
    Description(Vec<String>),
}

/// Loads components. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Engine {
    runtime: Arc<Runtime>,
}

/// What all components of an engine share.
pub(crate) struct Runtime {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) limits: Limits,
    pub(crate) sources: Sources,
    pub(crate) pods: OnceLock<Arc<dyn PodSource>>,
    pub(crate) memo: Arc<MemoStore>,
    pub(crate) instances: Semaphore,
    pub(crate) guest_memory_bytes: Arc<std::sync::atomic::AtomicUsize>,
    linker: Linker<State>,
    cache: Arc<Cache>,
    compiler: Compiler,
    /// One compilation at a time: each may take gigabytes, and the second of the same component finds it done.
    compiling: Mutex<()>,
    _ticker: Ticker,
}

impl Engine {
    /// An engine whose connections are real ones.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        let sources = connection::pools(&settings.network)?;
        Self::with_sources(settings, sources)
    }

    /// An engine whose answers come from somewhere else: the script of a test, or a recording.
    pub fn with_sources(settings: EngineSettings, sources: Sources) -> Result<Self, EngineError> {
        let start = |error: wasmtime::Error| EngineError::Start(format!("{error:#}"));
        let engine = start_engine(&settings.limits).map_err(start)?;
        let mut linker = Linker::new(&engine);
        capability::add_to_linker(&mut linker).map_err(start)?;
        let runtime = Runtime {
            limits: settings.limits,
            sources,
            pods: OnceLock::new(),
            memo: Arc::default(),
            instances: Semaphore::new(INSTANCES_MAX as usize),
            guest_memory_bytes: Arc::default(),
            linker,
            cache: Arc::new(Cache::open(&settings.cache)?),
            compiler: settings.compiler,
            compiling: Mutex::new(()),
            _ticker: Ticker::start(engine.clone()).map_err(EngineError::Ticker)?,
            engine,
        };
        Ok(Self { runtime: Arc::new(runtime) })
    }

    /// Lends pods of a cluster from now on; until then a scaler that asks for some is told that there is no cluster. Only
    /// the first source counts. Apart from `new`, because components are loaded before there is a cluster.
    pub fn lend_pods(&self, source: Arc<dyn PodSource>) {
        self.runtime.pods.get_or_init(|| source);
    }

    /// What a component may be allowed at most.
    #[must_use]
    pub fn ceiling(&self) -> &Ceiling {
        &self.runtime.limits.ceiling
    }

    /// What a component has where nobody says otherwise.
    #[must_use]
    pub fn usual(&self) -> Ceiling {
        let limits = self.runtime.limits.with(&Allowance::default());
        Ceiling {
            memory_bytes: limits.memory_bytes_max as u64,
            processor_time: limits.processor_time_max,
            host_calls: limits.host_calls_max,
        }
    }

    /// Reads a component, compiles it unless that was done before, judges what it imports and exports, and asks it what
    /// it is.
    pub async fn load(&self, path: &Path) -> Result<Arc<Scaler>, LoadError> {
        self.prepare(path).await?.describe().await
    }

    /// The part of loading in which nothing of the component runs.
    pub async fn prepare(&self, path: &Path) -> Result<Prepared, LoadError> {
        let bytes = self.read(path).await?;
        let digest = compile::digest(&bytes);
        let component = self.compiled(&digest, &bytes).await?;
        drop(bytes);
        let imports = capability::names(component.component_type().imports(&self.runtime.engine).map(|(name, _)| name));
        let instance = self.link(&component)?;
        let plugin = ScalerPre::new(instance).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let provisional = digest.get(..12).unwrap_or(&digest);
        let log = Arc::new(LogBudget::new(provisional));
        let guest = Guest { runtime: Arc::clone(&self.runtime), log, digest: digest.into(), plugin };
        Ok(Prepared::new(guest, imports))
    }

    async fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        let read = |source| LoadError::Read { path: path.to_owned(), source };
        let bytes_max = self.runtime.limits.component_bytes_max;
        let file = tokio::fs::File::open(path).await.map_err(read)?;
        let mut bytes = Vec::new();
        let size = file.take(bytes_max + 1).read_to_end(&mut bytes).await.map_err(read)?;
        if size as u64 > bytes_max {
            return Err(LoadError::TooLarge { path: path.to_owned(), bytes_max });
        }
        Ok(bytes)
    }

    /// The compiled form, from the cache or by the child.
    async fn compiled(&self, digest: &str, bytes: &[u8]) -> Result<Component, LoadError> {
        let name = compile::artifact_name(&self.runtime.engine, digest);
        let _one_at_a_time = self.runtime.compiling.lock().await;
        if let Some(component) = self.cached(&name).await? {
            return Ok(component);
        }
        let cache = &self.runtime.cache;
        // The child reads the very bytes that were digested, not whatever the path holds by then.
        let (input, output) = (Unfinished(cache.unfinished()), Unfinished(cache.unfinished()));
        let write = |source| CacheError::Write { path: input.0.clone(), source };
        write_new(&input.0, bytes).await.map_err(write)?;
        compile::in_child(&self.runtime.compiler, &input.0, &output.0).await?;
        cache.store(&name, &output.0)?;
        let fresh = self.cached(&name).await?;
        fresh.ok_or_else(|| LoadError::Link("what was just compiled cannot be mapped".to_owned()))
    }

    async fn cached(&self, name: &str) -> Result<Option<Component>, LoadError> {
        let (cache, engine, name) = (Arc::clone(&self.runtime.cache), self.runtime.engine.clone(), name.to_owned());
        // Reading and verifying tens of megabytes does not belong on a thread that serves.
        let loading = tokio::task::spawn_blocking(move || cache.load(&engine, &name));
        match loading.await {
            Ok(loaded) => Ok(loaded?),
            Err(_cancelled) => Ok(None),
        }
    }

    fn link(&self, component: &Component) -> Result<InstancePre<State>, LoadError> {
        let world = component.component_type();
        for (import, _) in world.imports(&self.runtime.engine) {
            capability::judge(import).map_err(LoadError::Import)?;
        }
        let is_plugin = |name: &str| name.strip_prefix(PLUGIN).is_some_and(|version| version.starts_with("@0.1."));
        if !world.exports(&self.runtime.engine).any(|(name, _)| is_plugin(name)) {
            return Err(LoadError::NoPlugin);
        }
        self.runtime.linker.instantiate_pre(component).map_err(|error| LoadError::Link(format!("{error:#}")))
    }
}

async fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tokio::fs::File::from_std(cache::create(path)?);
    tokio::io::AsyncWriteExt::write_all(&mut file, bytes).await?;
    tokio::io::AsyncWriteExt::flush(&mut file).await
}

/// Core instances of one component. Rust comes as one and a few adapters, JavaScript as 3; Python as 38, because its
/// interpreter, libraries and each stub of WASI are modules that are linked when the instance is made. Half as many again
/// are left for libraries with parts of their own. It is a count: no address space is reserved for them.
const CORE_INSTANCES_MAX: u32 = 64;

/// With a pool of instances where the address space can be reserved (288 memories of 4 GiB and their guards), else one
/// by one. What is reserved grows with memories and tables, of which a component of any language has no more: one memory,
/// which all its modules share, and at most two tables.
fn start_engine(limits: &Limits) -> wasmtime::Result<wasmtime::Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX * CORE_INSTANCES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .total_memories(INSTANCES_MAX)
        .max_memories_per_component(1)
        .total_tables(INSTANCES_MAX * 4)
        .max_tables_per_component(4)
        .max_tables_per_module(4)
        .total_stacks(INSTANCES_MAX)
        .max_memory_size(limits.largest_memory())
        .table_elements(limits.table_elements_max)
        // Interpreters describe themselves at length: 4 MiB for the component with all its core instances, however many,
        // and 1 MiB for one of them.
        .max_component_instance_size(4 * 1024 * 1024)
        .max_core_instance_size(1024 * 1024);
    let mut config = compile::configuration();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    wasmtime::Engine::new(&config).or_else(|error| {
        tracing::warn!(error = format!("{error:#}"), "no pool of instances: each is made when it is needed");
        wasmtime::Engine::new(&compile::configuration())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::tests::compiler;

    struct Bench {
        folder: tempfile::TempDir,
        engine: Engine,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let engine = Self::engine(&folder);
            Self { folder, engine }
        }

        fn engine(folder: &tempfile::TempDir) -> Engine {
            let settings = EngineSettings {
                cache: folder.path().join("cache"),
                compiler: compiler(),
                limits: Limits { component_bytes_max: 1024, ..Limits::default() },
                network: NetworkSettings::default(),
            };
            Engine::new(settings).unwrap()
        }

        async fn refusal(&self, component: &[u8]) -> LoadError {
            let path = self.folder.path().join("component.wasm");
            std::fs::write(&path, component).unwrap();
            self.engine.load(&path).await.map(drop).unwrap_err()
        }

        async fn refusal_of_text(&self, component: &str) -> LoadError {
            self.refusal(&wat::parse_str(component).unwrap()).await
        }
    }

    fn importing(name: &str) -> String {
        format!(r#"(component (import "{name}" (instance (export "open" (func)))))"#)
    }

    #[tokio::test]
    async fn a_component_that_imports_what_is_not_lent_is_refused_by_name() {
        let bench = Bench::new();
        let refused = bench.refusal_of_text(&importing("bellows:scaler/files@0.1.0")).await;
        assert!(
            matches!(refused, LoadError::Import(ImportError::Foreign(name)) if name == "bellows:scaler/files@0.1.0")
        );
        let refused = bench.refusal_of_text(&importing("wasi:cli/environment@0.2.0")).await;
        assert!(
            matches!(refused, LoadError::Import(ImportError::Foreign(name)) if name == "wasi:cli/environment@0.2.0")
        );
    }

    #[tokio::test]
    async fn a_component_without_the_plugin_is_refused() {
        assert!(matches!(Bench::new().refusal_of_text("(component)").await, LoadError::NoPlugin));
    }

    #[tokio::test]
    async fn a_component_whose_types_differ_is_refused() {
        let text = r#"(component
            (import "bellows:scaler/redis@0.1.0" (instance (export "open" (func))))
            (instance $plugin) (export "bellows:scaler/plugin@0.1.0" (instance $plugin)))"#;
        assert!(matches!(Bench::new().refusal_of_text(text).await, LoadError::Link(_)));
    }

    #[tokio::test]
    async fn what_is_no_component_is_refused_again_and_again() {
        let bench = Bench::new();
        for _ in 0..2 {
            let refused = bench.refusal(b"hello").await;
            assert!(matches!(refused, LoadError::Compile(CompileError::Child { .. })), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_too_large_is_not_compiled() {
        assert!(matches!(Bench::new().refusal(&[0; 1025]).await, LoadError::TooLarge { bytes_max: 1024, .. }));
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let missing = Bench::new().engine.load(Path::new("/nowhere.wasm")).await.map(drop).unwrap_err();
        assert!(matches!(missing, LoadError::Read { path, .. } if path == Path::new("/nowhere.wasm")));
    }

    #[tokio::test]
    async fn a_compiled_component_is_found_by_the_next_process_and_leaves_nothing_unfinished() {
        let bench = Bench::new();
        bench.refusal_of_text("(component)").await;
        let listing = || {
            let entries = std::fs::read_dir(bench.folder.path().join("cache")).unwrap().flatten();
            let mut found: Vec<_> =
                entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap())).collect();
            found.sort();
            found
        };
        let before = listing();
        assert_eq!(before.len(), 3, "{before:?}");
        let later = Bench { engine: Bench::engine(&bench.folder), folder: tempfile::tempdir().unwrap() };
        later.refusal_of_text("(component)").await;
        assert_eq!(listing(), before);
    }

    #[tokio::test]
    async fn components_loaded_at_once_are_compiled_once() {
        let bench = Bench::new();
        let path = bench.folder.path().join("component.wasm");
        std::fs::write(&path, wat::parse_str("(component)").unwrap()).unwrap();
        let loads = futures::future::join_all((0..8).map(|_| bench.engine.load(&path))).await;
        assert!(loads.into_iter().all(|load| matches!(load.map(drop), Err(LoadError::NoPlugin))));
    }
}
