"""The example of a method in docs/adding.md, run as it stands there."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from baselines.method import NetworkSpec
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
