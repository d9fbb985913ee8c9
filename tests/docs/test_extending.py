"""Follows docs/extending.md: adds its layer kind and its back end, in processes of their own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SPEC = """qspec 1

model Net(d: int = 8) {
    scale = Scale(d)
    map = Linear(d -> d)

    entry run(x: f32[B, T, d]) { return scale(x) |> map }
}

variant small { model = Net() }
"""

# what an installed file would do: the folder of layers has one more
LAYER = """
import sys, qdsl.layers
qdsl.layers.__path__.append(sys.argv[1])
import torch, qdsl
variant = qdsl.load_spec("net.qspec").variants["small"]
rows = {row.path: row for row in variant.size().rows}
assert rows["scale.weight"].kind == "Scale"
assert rows["scale.weight"].total_bytes == 32
program = variant.program()
program.get_parameter("scale.weight").data[:] = 2
x = torch.randn(1, 3, 8)
weight, bias = (program.get_parameter(f"map.{name}") for name in ("weight", "bias"))
torch.testing.assert_close(program.run(x), 2 * x @ weight.T + bias)
program.run(x).sum().backward()
assert program.get_parameter("scale.weight").grad.abs().min() > 0
assert program.to_qat().freeze().pack("net.qpack") == variant.size().total_bytes
torch.testing.assert_close(qdsl.load("net.qpack", backend="reference").run(x), program.run(x))
"""

BACKEND = """
import inspect, json, sys
from qdsl import target
from qdsl.formats import make_weight_format
from qdsl.ir.family import Family
from qdsl.registry import member
import qdsl.formats
null = target.backends()["null"]
for name, promised in vars(target.Backend).items():
    if not name.startswith("_") and inspect.isfunction(promised):
        given = inspect.signature(getattr(type(null), name))
        assert list(given.parameters) == list(inspect.signature(promised).parameters), name
int8 = make_weight_format(member(qdsl.formats, "int8", Family), {}, ())
assert target.find_kernel(null, "linear", int8, None) is None
assert "torch" not in sys.modules
print(json.dumps([null.name, null.availability().available, sorted(target.installed())]))
"""


def example(title: str) -> str:
    found = re.search(rf"^## {title}$.*?^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def run(program: str, *arguments: str, folder: Path, path: str = "") -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"]
    found = subprocess.run(
        [*command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_a_layer_kind(tmp_path):
    layers = tmp_path / "layers"
    layers.mkdir()
    (layers / "scale.py").write_text(example("A layer kind"))
    (tmp_path / "net.qspec").write_text(SPEC)
    run(LAYER, str(layers), folder=tmp_path)


@pytest.fixture
def package(tmp_path):
    """A folder as pip leaves it, with the package of the back end."""
    (tmp_path / "package.py").write_text(example("A back end"))
    metadata = tmp_path / "package-1.0.dist-info"
    metadata.mkdir()
    (words,) = re.findall(r'with `\[project\.entry-points\."(.*?)"\]` `null = "(.*?)"`', TEXT)
    (metadata / "entry_points.txt").write_text(f"[{words[0]}]\nnull = {words[1]}\n")
    return tmp_path


def test_a_back_end(package):
    found = json.loads(run(BACKEND, folder=package, path=str(package)))
    assert found[:2] == ["null", True]
    assert {"null", "cpu", "gpu"} <= set(found[2])


def test_a_back_end_that_cannot_be_imported(package):
    (package / "package.py").write_text("import nothing_of_that_name\n")
    program = (
        "from qdsl import target; assert 'null' not in target.backends();"
        "print(target.installed()['null'].reason)"
    )
    reason = run(program, folder=package, path=str(package))
    assert reason == "ModuleNotFoundError: No module named 'nothing_of_that_name'\n"
