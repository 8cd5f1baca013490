"""Run by python3 in the folder of a scaler: asks what the author wrote what it needs of the host, and makes a component of
it.

Arguments: the folder of the contract, a folder to work in, and the file to write.
"""

import importlib
import pathlib
import shutil
import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed, and this is {sys.version.split()[0]}")

import tomllib

CONTRACT, VERSION = "bellows:scaler", "0.1.0"
ENTRY = "bellows_component"

contract, work, output = sys.argv[1:]
about = tomllib.loads(pathlib.Path("pyproject.toml").read_text(encoding="utf-8"))
project, own = about.get("project", {}), about.get("tool", {}).get("bellows", {})
main, sdk = own.get("main", "scaler"), own.get("sdk", ".")
installed = [place for place in (".packages",) if pathlib.Path(place).is_dir()]
places = [*dict.fromkeys([".", sdk]), *own.get("path", []), *installed]

sys.dont_write_bytecode = True
sys.path[:0] = places
from bellows.component import needs, scalers_of  # noqa: E402, the place of the SDK is known only now

scalers = scalers_of(importlib.import_module(main))
if not scalers:
    sys.exit(f"{main}.py declares no scaler: write `class Mine(Scaler, type=…, over=…)`")
needed = needs(scalers)

world = [f"  import {one};" for one in needed]
world = "\n".join([f"package {CONTRACT}@{VERSION};", "world built {", *world, "  export plugin;", "}", ""])
pathlib.Path(contract, "built.wit").write_text(world, encoding="utf-8")
identity = (project.get("name", main), project.get("version", "0.0.0"), project.get("description", ""))
entry = f"""
import types

import {main}
from bellows.component import Component, scalers_of
from componentize_py_types import Err, Ok
from wit_world.exports import plugin
from wit_world.imports import types as shared
{"".join(f"from wit_world.imports import {one}" + chr(10) for one in needed)}
BINDINGS = types.SimpleNamespace(plugin=plugin, types=shared, Ok=Ok, Err=Err)
MADE = Component(scalers_of({main}), {identity!r}, BINDINGS, dict({", ".join(f"{one}={one}" for one in needed)}))


class Plugin:
    def describe(self):
        return MADE.describe()

    def plan(self, trigger):
        return MADE.plan(trigger)

    def measure(self, at, triggers):
        return MADE.measure(at, triggers)
"""
# Only what is Python goes along, not the whole folder with its tools and its history.
source = pathlib.Path(work, "source")
shutil.rmtree(source, ignore_errors=True)
source.mkdir(parents=True)
source.joinpath(f"{ENTRY}.py").write_text(entry, encoding="utf-8")
paths = [argument for place in (source, *places) for argument in ("--python-path", str(place))]
made = [sys.executable, "-c", "from componentize_py import script; script()", "--quiet", "--wit-path", contract]
made += ["--world", "built", "componentize", *paths, "--stub-wasi", "--output", output, ENTRY]
if status := subprocess.run(made, check=False).returncode:
    sys.exit(status)
roots = [pathlib.Path(place).resolve() for place in places]
files = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
inputs = [file for file in files if any(pathlib.Path(file).resolve().is_relative_to(root) for root in roots)]
inputs = "\n".join(["pyproject.toml", "requirements.txt", *inputs, ""])
pathlib.Path(work, "inputs").write_text(inputs, encoding="utf-8")
