"""Methods of a user's own: the example in docs/adding.md, run as it stands there, and files that share a name."""

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.discovery import classes_in
from baselines.method import Method, NetworkSpec
from baselines.plugins import PluginError, module_of_file
from tssl_core import parse_architecture

PAGE = Path(__file__).parents[2] / "docs" / "adding.md"


@pytest.mark.parametrize("events", [False, True])
def test_the_example_of_a_method_learns_from_images_and_spike_trains(events: bool) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (text for text in examples if "class MineModel(Model)" in text)
    namespace: dict[str, Any] = {"__name__": "baselines.mine"}
    exec(compile(example, str(PAGE), "exec"), namespace)
    method = namespace["Mine"]()
    spec = NetworkSpec(
        architecture=parse_architecture("6C3w3-P2-20"), input_shape=(1, 8, 8), classes=10, time_steps=5, events=events
    )
    torch.manual_seed(3)
    model = method.build(spec, dataclasses.replace(method.Parameters(), decay=0.9))
    inputs = (torch.rand((5, 4, 1, 8, 8) if events else (4, 1, 8, 8)) < 0.5).float()
    output = model(inputs)
    assert output.shape == (5, 4, 10)
    model.loss(output, torch.tensor([0, 1, 2, 3])).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


METHOD = """
from baselines.method import Method

class {name}(Method):
    name = "mine"
    title = "{title}"

    def build(self, spec, parameters, *, backend="auto"):
        raise NotImplementedError
"""


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    modules = []
    for title in ("First", "Second"):
        path = tmp_path / title / "method.py"
        path.parent.mkdir()
        path.write_text(METHOD.format(name="Mine", title=title))
        modules.append(module_of_file(path))
    assert [sys.modules[module.__name__].Mine.title for module in modules] == ["First", "Second"]


def test_two_classes_with_one_name_in_a_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.py"
    path.write_text(METHOD.format(name="Mine", title="") + "\nAlias = Mine\n")
    assert [*classes_in(module_of_file(path), Method)] == ["mine"]  # type: ignore[type-abstract]
    other = tmp_path / "others.py"
    other.write_text(METHOD.format(name="Mine", title="") + METHOD.format(name="Other", title=""))
    with pytest.raises(PluginError, match="two plug-ins are called 'mine'"):
        classes_in(module_of_file(other), Method)  # type: ignore[type-abstract]
