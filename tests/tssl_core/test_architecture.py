"""Architecture strings: what they mean, that they survive a round trip, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tssl_core import ArchitectureError, parse_architecture
from tssl_core.architecture import Architecture, Conv, Dense, Pool

RATES = st.sampled_from([0.0, 0.2, 0.5])
SCALES = st.sampled_from([1.0, 2.0, 5.0, 0.1])
SIZES = st.integers(min_value=1, max_value=999)
CONVS = st.builds(Conv, channels=SIZES, kernel=SIZES, padding=st.integers(0, 9), weight_scale=SCALES, dropout=RATES)
POOLS = st.builds(Pool, size=SIZES, dropout=RATES)
DENSES = st.builds(Dense, features=SIZES, weight_scale=SCALES, dropout=RATES)


def test_a_string_with_options_is_read_layer_by_layer() -> None:
    assert parse_architecture("96C3p1w5d0.2-P2d0.2-1024w0.5-300").layers == (
        Conv(channels=96, kernel=3, padding=1, weight_scale=5, dropout=0.2),
        Pool(size=2, dropout=0.2),
        Dense(features=1024, weight_scale=0.5),
        Dense(features=300),
    )


@given(st.lists(st.one_of(CONVS, POOLS)), st.lists(DENSES, min_size=1))
def test_an_architecture_survives_the_way_through_its_string(front: list[Conv | Pool], back: list[Dense]) -> None:
    architecture = Architecture((*front, *back))
    assert parse_architecture(str(architecture)) == architecture


def test_the_plain_form_leaves_the_options_out() -> None:
    assert parse_architecture("12C5p1-P2-64C5d0.1-P2").plain == "12C5-P2-64C5-P2"


def test_output_shapes_are_those_of_the_paper_networks() -> None:
    mnist = parse_architecture("15C5-P2-40C5-P2-300").output_shapes((1, 28, 28))
    assert mnist == [(15, 24, 24), (15, 12, 12), (40, 8, 8), (40, 4, 4), (300, 1, 1)]
    nmnist = parse_architecture("12C5p1-P2-64C5-P2").output_shapes((2, 34, 34))
    assert nmnist == [(12, 32, 32), (12, 16, 16), (64, 12, 12), (64, 6, 6)]


def test_pooling_leaves_an_incomplete_border_out() -> None:
    assert parse_architecture("P2").output_shapes((3, 7, 5)) == [(3, 3, 2)]


@pytest.mark.parametrize("text", ["", "  ", "15C", "C5", "P", "x", "15C5--300", "-300", "15c5", "300p1", "15C5d0.2w5"])
def test_a_layer_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ArchitectureError, match="expected"):
        parse_architecture(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0C5", "size of 0"),
        ("P0", "size of 0"),
        ("0", "size of 0"),
        ("300d1", "below 1"),
        ("P2w5", "no weights"),
        ("300-P2", "follows the fully connected 300"),
        ("300-15C5", "follows the fully connected 300"),
    ],
)
def test_a_layer_without_meaning_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ArchitectureError, match=reason):
        parse_architecture(text)


@pytest.mark.parametrize("text", ["9C9", "P16", "4C3-P2-P2-P2"])
def test_a_network_that_leaves_nothing_of_its_input_is_refused(text: str) -> None:
    with pytest.raises(ArchitectureError, match="leaves nothing"):
        parse_architecture(text).output_shapes((1, 8, 8))
