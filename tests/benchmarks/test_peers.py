"""The adapters of other libraries compute what they claim, and what the suite's neuron computes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from baselines.method import NetworkSpec
from benchmarks.micro.checks import check_network, check_neuron
from benchmarks.micro.peers import PEERS, Norse, Peer, SnnTorch, SpikeCountModel, SpikingJelly
from benchmarks.micro.recurrence import Recurrence, Unrolled, arctan_primitive, superspike_primitive
from tssl_core import LIFParams, parse_architecture, spikes_from_psc, spiking_psc
from tssl_core.layers import SumPool

LIF = LIFParams()


def need(peer: Peer) -> None:
    reason = peer.missing()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(params=PEERS, ids=lambda peer: peer.name)
def peer(request: pytest.FixtureRequest) -> Peer:
    found: Peer = request.param
    need(found)
    return found


def random_pair(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)


def small_spec(architecture: str) -> NetworkSpec:
    return NetworkSpec(architecture=parse_architecture(architecture), input_shape=(1, 8, 8), classes=10, time_steps=5)


def recurrence(charge: Callable[[Tensor, Tensor], Tensor] = torch.add, *, detach_reset: bool = True) -> Recurrence:
    return Recurrence(
        charge=charge, threshold=1.0, at_threshold=False, primitive=arctan_primitive, detach_reset=detach_reset
    )


@pytest.mark.parametrize("lif", [LIF, LIFParams(tau_m=2.5, threshold=0.7)], ids=["default", "other"])
@pytest.mark.parametrize("shape", [(1, 7), (5, 3, 4, 5, 5), (63, 257)], ids=str)
def test_a_library_spikes_and_differentiates_as_the_recurrence_that_it_claims(
    peer: Peer, shape: tuple[int, ...], lif: LIFParams
) -> None:
    current, grad = random_pair(shape)
    check_neuron(peer, 2 * current, grad, lif)


def test_a_library_treats_the_threshold_itself_as_it_claims(peer: Peer) -> None:
    check_neuron(peer, torch.tensor([[1.0, 2.0]]), torch.ones(1, 2), LIF)
    assert bool(peer.neuron(LIF)(torch.ones(1, 1))) == peer.recurrence(LIF).at_threshold


@pytest.mark.parametrize("architecture", ["30-20", "6C3-P2-20"])
def test_a_network_of_a_library_and_of_its_recurrence_give_the_same_output_and_gradients(
    peer: Peer, architecture: str
) -> None:
    images = 3 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    check_network(peer, small_spec(architecture), images, torch.arange(6), LIF)


def test_every_library_spikes_where_the_neuron_of_the_suite_does(peer: Peer) -> None:
    # With tau_m = 2 and six steps, multiples of 1/16 stay exact; the odd 1/32 keeps them off the threshold.
    lif = LIFParams(tau_m=2.0)
    generator = torch.Generator().manual_seed(2)
    current = torch.randint(-16, 40, (6, 4000), generator=generator) / 16 + 1 / 32
    expected = spikes_from_psc(spiking_psc(current, lif), lif.tau_s)
    assert 0.1 < expected.float().mean() < 0.9
    assert torch.equal(peer.neuron(lif)(current).bool(), expected)


def test_a_library_starts_each_sequence_from_rest(peer: Peer) -> None:
    neuron = peer.neuron(LIF)
    current, _ = random_pair((5, 100))
    first = neuron(current + 0.5)
    assert torch.equal(neuron(current + 0.5), first)
    neuron(current[:, :60])  # a last, smaller batch
    assert torch.equal(neuron(current + 0.5), first)


def test_the_version_of_a_library_is_known(peer: Peer) -> None:
    assert int(peer.version().partition(".")[0]) >= 1


def test_a_library_that_is_not_installed_is_reported_with_the_way_to_install_it() -> None:
    class Absent(SnnTorch):
        name = "no_such_library"

    assert Absent().missing() == "no_such_library is not installed; pip install -e '.[peers]' brings it"


class Wrong(Peer):
    """Integrates without a leak and detaches its reset, whatever it claims."""

    name, title = "wrong", "Wrong"

    def __init__(self, claim: Recurrence) -> None:
        self.claim = claim

    def neuron(self, lif: LIFParams) -> nn.Module:
        del lif
        return Unrolled(recurrence())

    def recurrence(self, lif: LIFParams) -> Recurrence:
        del lif
        return self.claim


LEAKY = recurrence(lambda v, current: 0.8 * v + current)
NOT_DETACHED = recurrence(detach_reset=False)


@pytest.mark.parametrize(
    ("claim", "sign", "message"),
    [
        (LEAKY, 1, "differ in"),
        (NOT_DETACHED, 1, "gradient of the current differs"),
        (recurrence(), -1, "0 of them 1; expected no difference, and some spikes"),
    ],
    ids=["spikes", "gradient", "silent"],
)
def test_a_neuron_that_does_not_compute_what_it_claims_is_refused(claim: Recurrence, sign: int, message: str) -> None:
    current, grad = random_pair((6, 200))
    with pytest.raises(AssertionError, match=message):
        check_neuron(Wrong(claim), sign * current.abs(), grad, LIF)


@pytest.mark.parametrize(
    ("claim", "message"),
    [(LEAKY, "differ in"), (NOT_DETACHED, "gradient of network.*weight differs")],
    ids=["spikes", "gradient"],
)
def test_a_network_that_does_not_compute_what_it_claims_is_refused(claim: Recurrence, message: str) -> None:
    images = 3 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with pytest.raises(AssertionError, match=message):
        check_network(Wrong(claim), small_spec("30-20"), images, torch.arange(6), LIF)


def test_the_unrolled_recurrence_gives_a_trace_worked_by_hand() -> None:
    half = Recurrence(
        charge=lambda v, current: v / 2 + current,
        threshold=1.0,
        at_threshold=False,
        primitive=superspike_primitive,
        detach_reset=True,
    )
    current = torch.tensor([0.75, 0.75, 1.0, 0.5], requires_grad=True)
    spikes = Unrolled(half)(current)
    # u = 0.75, 1.125 (spike, reset), 1.0 (not above the threshold), 1.0
    assert spikes.tolist() == [0, 1, 0, 0]
    spikes[1].backward()
    slope = 1 / 1.125**2  # 1 / (1 + |u - threshold|)^2
    torch.testing.assert_close(current.grad, torch.tensor([slope / 2, slope, 0, 0]))


def test_the_network_computes_what_containers_of_spikingjelly_compute() -> None:
    need(SpikingJelly())
    from spikingjelly.activation_based import layer

    model = SpikeCountModel(small_spec("6C3-P2-20"), lambda: SpikingJelly().neuron(LIF))
    conv, hidden, output = (module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    theirs = nn.Sequential(
        layer.SeqToANNContainer(conv),
        SpikingJelly().neuron(LIF),
        layer.SeqToANNContainer(SumPool(2), nn.Flatten(), hidden),
        SpikingJelly().neuron(LIF),
        layer.SeqToANNContainer(output),
        SpikingJelly().neuron(LIF),
    )
    images = 4 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert_same_spikes(model(images), theirs(images.expand(5, *images.shape)))


def test_the_network_computes_what_a_loop_over_time_around_snntorch_computes() -> None:
    need(SnnTorch())
    import snntorch

    model = SpikeCountModel(small_spec("30-20"), lambda: SnnTorch().neuron(LIF))
    weights = [module for module in model.modules() if isinstance(module, nn.Linear)]
    leaky = [snntorch.Leaky(beta=0.8, reset_mechanism="zero") for _ in weights]
    images = 4 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    membranes = [layer.reset_mem() for layer in leaky]
    outputs = []
    for _ in range(5):
        signal = images.flatten(1)
        for i, (linear, layer) in enumerate(zip(weights, leaky, strict=True)):
            signal, membranes[i] = layer(linear(signal), membranes[i])
        outputs.append(signal)
    assert_same_spikes(model(images), torch.stack(outputs))


def test_the_network_computes_what_a_sequence_of_norse_computes() -> None:
    need(Norse())
    cells = [next(Norse().neuron(LIF).children()) for _ in range(3)]
    from norse import torch as norse  # behind the first neuron, whose import of it knows which warnings to expect

    model = SpikeCountModel(small_spec("6C3-P2-20"), lambda: Norse().neuron(LIF))
    conv, hidden, output = (module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear))
    theirs = norse.Lift(
        norse.SequentialState(conv, cells[0], SumPool(2), nn.Flatten(), hidden, cells[1], output, cells[2])
    )
    images = 4 * torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert_same_spikes(model(images), theirs(images.expand(5, *images.shape))[0])


def assert_same_spikes(ours: Tensor, theirs: Tensor) -> None:
    assert ours.any()
    assert torch.equal(ours, theirs)
