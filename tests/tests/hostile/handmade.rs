//! Components that no compiler makes, by hand: a core module in text, whose functions do what a test says, made a component
//! of the contract. Everything that is not said is honest: one trigger type `odd`, one metric, no reading.

use bellows_tests::paths;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where in memory the parts of answers lie; each is laid out as the canonical ABI has it.
const DESCRIPTION: u32 = 16;
const TRIGGER_TYPES: u32 = 64;
const PLAN: u32 = 128;
const METRIC: u32 = 160;
const RESULTS: u32 = 256;
const RESULT: u32 = 264;
/// `odd`, which is the name of everything.
const NAME: u32 = 1024;
/// What the guest is handed lies from here on.
const FREE: u32 = 65_536;

/// The contract's own world, and one that exports a resource beside it, so that there is a destructor.
const WORLDS: &str = "
    world handmade { export plugin; }
    interface extra { resource thing; }
    world with-a-resource { export plugin; export extra; }
";

/// What is said of a component. Texts are instructions, run before the honest answer is given.
#[derive(Clone, Copy)]
pub(crate) struct Handmade {
    pub(crate) start: &'static str,
    pub(crate) describe: &'static str,
    pub(crate) after_describe: &'static str,
    pub(crate) plan: &'static str,
    pub(crate) measure: &'static str,
    pub(crate) after_measure: &'static str,
    /// What stands beside the functions: tables and the like.
    pub(crate) beside: &'static str,
    /// What is run when a resource of the guest's own is dropped, which `measure` then does first.
    pub(crate) destructor: Option<&'static str>,
    /// Entries that each list is said to have.
    pub(crate) trigger_types: u32,
    pub(crate) parameters: u32,
    pub(crate) metrics: u32,
    /// Bytes of the message of a failure; a result without readings where there are none.
    pub(crate) message: u32,
}

impl Default for Handmade {
    fn default() -> Self {
        Self {
            start: "",
            describe: "",
            after_describe: "",
            plan: "",
            measure: "",
            after_measure: "",
            beside: "",
            destructor: None,
            trigger_types: 1,
            parameters: 0,
            metrics: 1,
            message: 0,
        }
    }
}

impl Handmade {
    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(paths::root().join("wit")).unwrap();
        let contract = resolve.packages[package].name.clone();
        let world = if self.destructor.is_some() { "with-a-resource" } else { "handmade" };
        // The worlds are of a package of their own, which names what it exports in full.
        let text = format!("package tests:handmade;\n{WORLDS}").replace(
            "export plugin;",
            &format!("export {}:{}/plugin@{};", contract.namespace, contract.name, contract.version.unwrap()),
        );
        let own = resolve.push_str("handmade.wit", &text).unwrap();
        let world = resolve.select_world(&[own], Some(world)).unwrap();
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }

    fn module(&self) -> String {
        let Self { start, describe, after_describe, plan, measure, after_measure, beside, destructor, .. } = self;
        let plugin = "bellows:scaler/plugin@0.1.0";
        let (imports, resource, drop) = destructor.map_or_else(Default::default, resource);
        let begin = if start.is_empty() { "" } else { "(start $start)" };
        let data: String = self.memory().iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!(
            r#"(module {imports}
                (memory (export "memory") 2)
                (global $free (mut i32) (i32.const {FREE}))
                (data (i32.const 0) "{data}")
                {beside} {resource}
                (func $start {start})
                {begin}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                    (global.set $free (i32.add (local.get $at) (local.get 3)))
                    (block $enough
                        (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
                        (drop (memory.grow (i32.const 200))))
                    (local.get $at))
                (func (export "{plugin}#describe") (result i32) {describe} (i32.const {DESCRIPTION}))
                (func (export "cabi_post_{plugin}#describe") (param i32) {after_describe})
                (func (export "{plugin}#plan") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                    {plan} (i32.const {PLAN}))
                (func (export "{plugin}#measure") (param i64 i32 i32 i32) (result i32)
                    {drop} {measure} (i32.const {RESULTS}))
                (func (export "cabi_post_{plugin}#measure") (param i32) {after_measure})
            )"#
        )
    }

    /// What lies in memory from the start.
    fn memory(&self) -> Vec<u8> {
        let mut memory = Image(vec![0; NAME as usize + 3]);
        memory.0[NAME as usize..].copy_from_slice(b"odd");
        // Name, version and summary; trigger types; attributes.
        // More than one are nothing but zeros.
        let kinds = if self.trigger_types == 1 { TRIGGER_TYPES } else { FREE };
        memory.put(DESCRIPTION, &[NAME, 3, NAME, 3, NAME, 3, kinds, self.trigger_types, 0, 0]);
        // Name and summary; parameters, which where there are some are nothing but zeros; connections; attributes.
        memory.put(TRIGGER_TYPES, &[NAME, 3, NAME, 3, FREE, self.parameters, 0, 0, 0, 0]);
        // Accepted, with a list of metrics.
        memory.put(PLAN, &[0, METRIC, self.metrics]);
        // An external metric: its name, the target 1.0 as an average value, attributes.
        let [low, high] = [1.0_f64.to_bits() as u32, (1.0_f64.to_bits() >> 32) as u32];
        memory.put(METRIC, &[0, 0, NAME, 3, low, high, 0, 0, 0, 0]);
        memory.put(RESULTS, &[RESULT, 1]);
        // Readings, of which there are none; or a transient failure with its code and message.
        let failed = [1, 0, NAME, 3, FREE, self.message];
        memory.put(RESULT, if self.message == 0 { &[0, FREE, 0] } else { &failed });
        memory.0
    }
}

struct Image(Vec<u8>);

impl Image {
    fn put(&mut self, at: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0[at as usize..at as usize + bytes.len()].copy_from_slice(&bytes);
    }
}

/// Imports, functions and the dropping of a resource, with what its destructor does.
fn resource(destructor: &str) -> (String, String, String) {
    let imports = r#"
        (import "[export]tests:handmade/extra" "[resource-new]thing" (func $new (param i32) (result i32)))
        (import "[export]tests:handmade/extra" "[resource-drop]thing" (func $drop (param i32)))"#;
    let function = format!(r#"(func (export "tests:handmade/extra#[dtor]thing") (param i32) {destructor})"#);
    (imports.to_owned(), function, "(call $drop (call $new (i32.const 7)))".to_owned())
}
