//! Run by node in the folder of a scaler: bundles what the author wrote, asks it what it needs of the host, and makes a
//! component of it. Lies below that folder, so that both tools are found where its package.json had them installed.
//!
//! Arguments: the folder of the contract, and the file to write. The last line of standard output is for `bellows`.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { cwd, argv, exit } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const CONTRACT = "bellows:scaler";
const VERSION = "0.1.0";
/** All that would import WASI, which a host of scalers refuses. */
const WITHOUT = ["stdio", "random", "clocks", "http", "fetch-event"];

const [contract, output] = argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const { name, version = "0.0.0", description: summary = "", main = "scaler.js", bellows = {} } = JSON.parse(
  await readFile("package.json", "utf8"),
);
const sdk = resolve(bellows.sdk ?? "bellows");

/** One file of several, in which only the host's interfaces are left to import. */
async function bundled(contents, external) {
  try {
    const options = { bundle: true, format: "esm", target: "es2022", write: false, logLevel: "warning", external };
    const done = await build({ ...options, stdin: { contents, resolveDir: cwd(), sourcefile: "component.js" } });
    return done.outputFiles[0].text;
  } catch {
    // It has said what is wrong, with the line.
    exit(1);
  }
}

const lines = [
  `import * as all from ${JSON.stringify(resolve(main))};`,
  `import { Scaler } from ${JSON.stringify(join(sdk, "scaler.js"))};`,
  `import { needs, plugin as made } from ${JSON.stringify(join(sdk, "component.js"))};`,
  "const scalers = Object.values(all).filter((one) => one?.prototype instanceof Scaler);",
];
const probe = join(here, "probe.mjs");
await writeFile(probe, await bundled([...lines, "export const names = scalers.map((one) => one.name);",
  "export const needed = needs(scalers);"].join("\n"), []));
const { names, needed } = await import(pathToFileURL(probe).href);
if (names.length === 0) {
  console.error(`${main} exports no scaler: write \`export class Mine extends Scaler { … }\``);
  exit(1);
}

const imports = needed.map((one) => `import * as ${one} from "${CONTRACT}/${one}@${VERSION}";`);
const source = await bundled(
  [...imports, ...lines, `export const plugin = made(scalers, ${JSON.stringify({ name, version, summary })}, { ${needed.join(", ")} });`].join("\n"),
  [`${CONTRACT}/*`],
);
const world = [
  `package ${CONTRACT}@${VERSION};`,
  "world built {",
  ...needed.map((one) => `  import ${one};`),
  "  export plugin;",
  "}",
];
await writeFile(join(contract, "built.wit"), `${world.join("\n")}\n`);
const { component } = await componentize(source, { witPath: contract, worldName: "built", disableFeatures: WITHOUT });
await writeFile(output, component);
