"""What methods share that train a network without time and evaluate its spiking twin; no method itself."""

from collections.abc import Callable

from torch import Tensor

from baselines.ann import ANNModel, ANNParameters
from baselines.method import NetworkSpec
from baselines.neurons.integrate_and_fire import IntegrateAndFire


class ConvertibleModel(ANNModel):
    """A network without time in training mode, its spiking twin with the same weights in evaluation mode.

    The output layer does not spike. It integrates its input, and the decision is taken from that potential: the
    scores over T are the logits of the network without time, but for the rounding of the rates.

    Parameters
    ----------
    spec, parameters
        See `ANNModel`.
    neuron : callable
        Makes the neurons of one hidden layer, which have an activation in training mode and spike in evaluation mode.
    """

    spiking_output = False

    def __init__(self, spec: NetworkSpec, parameters: ANNParameters, *, neuron: Callable[[], IntegrateAndFire]) -> None:
        super().__init__(spec, parameters, neuron=neuron)
        self.time_steps = spec.time_steps

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits ``[1, B, classes]`` in training mode, else the input of the output layer ``[T, B, classes]``."""
        return self.network.encode_directly(inputs, 1 if self.training else self.time_steps)

    def unconverted(self, inputs: Tensor) -> Tensor:
        """Logits ``[1, B, classes]`` of the network as it was trained, without dropout; the mode stays what it is."""
        was_training = self.training
        self.eval()
        for module in self.modules():
            if isinstance(module, IntegrateAndFire):
                module.train()
        try:
            return self.network.encode_directly(inputs, 1)
        finally:
            self.train(was_training)
