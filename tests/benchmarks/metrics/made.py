"""A model that spikes as told, for tests of what is counted."""

from torch import Tensor

from baselines.method import Model
from tssl_core.layers import SpikingLayer


class Fixed(SpikingLayer):
    """Neurons that spike where their input is positive."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    def spikes(self, output: Tensor) -> Tensor:
        return output > 0


class Told(Model):
    """One hidden and one output layer that hand their input on; the output layer inverts it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1_neuron, self.output_neuron = Fixed(), Fixed()

    def forward(self, inputs: Tensor) -> Tensor:
        output: Tensor = self.output_neuron(1 - self.layer1_neuron(inputs))
        return output

    def loss(self, output: Tensor, labels: Tensor) -> Tensor:
        raise NotImplementedError
