//! Run by node in the folder of a scaler: bundles what the author wrote, asks it what it needs of the host, and makes a
//! component of it. Lies below that folder, so that both tools are found where its package.json had them installed.
//!
//! Arguments: the folder of the contract, a folder to work in, and the file to write.

import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cwd, argv, exit } from "node:process";
import { pathToFileURL } from "node:url";

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const CONTRACT = "bellows:scaler";
const VERSION = "0.1.0";
/** All that would import WASI, which a host of scalers refuses. */
const WITHOUT = ["stdio", "random", "clocks", "http", "fetch-event"];

const [contract, work, output] = argv.slice(2);
const { name, version = "0.0.0", description: summary = "", main = "scaler.js", bellows = {} } = JSON.parse(
  await readFile("package.json", "utf8"),
);
const sdk = resolve(bellows.sdk ?? "bellows");

/** One file of several, in which only the host's interfaces are left to import; and the files that it was made of. */
async function bundled(lines) {
  try {
    const options = { bundle: true, format: "esm", target: "es2022", write: false, metafile: true, logLevel: "warning" };
    const stdin = { contents: lines.join("\n"), resolveDir: cwd(), sourcefile: "component.js" };
    const done = await build({ ...options, stdin, external: [`${CONTRACT}/*`] });
    return [done.outputFiles[0].text, Object.keys(done.metafile.inputs).filter((file) => file !== "component.js")];
  } catch {
    // It has said what is wrong, with the line.
    exit(1);
  }
}

const scalers = [
  `import * as all from ${JSON.stringify(resolve(main))};`,
  `import { Scaler } from ${JSON.stringify(join(sdk, "scaler.js"))};`,
  `import { needs, plugin as made } from ${JSON.stringify(join(sdk, "component.js"))};`,
  "const scalers = Object.values(all).filter((one) => one?.prototype instanceof Scaler);",
];
const probe = join(work, "probe.mjs");
const [asking] = await bundled([...scalers, "export const count = scalers.length;", "export const needed = needs(scalers);"]);
await writeFile(probe, asking);
const { count, needed } = await import(pathToFileURL(probe).href);
if (count === 0) {
  console.error(`${main} exports no scaler: write \`export class Mine extends Scaler { … }\``);
  exit(1);
}

const about = JSON.stringify({ name, version, summary });
const [source, inputs] = await bundled([
  ...needed.map((one) => `import * as ${one} from "${CONTRACT}/${one}@${VERSION}";`),
  ...scalers,
  `export const plugin = made(scalers, ${about}, { ${needed.join(", ")} });`,
]);
const imports = needed.map((one) => `import ${one};`).join(" ");
await writeFile(join(contract, "built.wit"), `package ${CONTRACT}@${VERSION};\nworld built { ${imports} export plugin; }\n`);
const { component } = await componentize(source, { witPath: contract, worldName: "built", disableFeatures: WITHOUT });
await writeFile(output, component);
await writeFile(join(work, "inputs"), ["package.json", ...inputs, ""].join("\n"));
