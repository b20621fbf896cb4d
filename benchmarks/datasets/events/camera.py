"""A model of the recording of N-MNIST: an event camera that makes three saccades before a digit on a screen.

Orchard et al. 2015 turned an ATIS sensor before a monitor. Here the picture moves over the sensor instead. A pixel
remembers the logarithm of its intensity at its last event, and answers with an event when that has changed by its
threshold. It is then blind for a refractory period, at whose end it remembers anew.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from benchmarks.datasets.events.frames import SACCADES
from benchmarks.datasets.events.recording import SENSOR, Events, make_events

STEP_US = 1000
"""Step of the simulation; a pixel has at most one event a step, as its refractory period is no shorter."""

PIXELS = SENSOR * SENSOR
MARGIN = 8
"""Black pixels to the left of a picture and above it; it moves 7 at most."""

BLUR_REACH = 2
"""Pixels to either side that the optics spread light to."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The sensor and its motion.

    The defaults were set by hand beside a real recording and N-MNIST's mean number of events, see
    docs/nmnist_simulated.md.

    Parameters
    ----------
    threshold : float
        Change of the natural logarithm of the intensity that makes an event; mean over the pixels.
    mismatch : float
        Standard deviation of the thresholds over pixels and polarities, as a fraction.
    refractory_us : int
        How long a pixel is blind after an event, in microseconds; at least `STEP_US`.
    noise_hz : float
        Events that a pixel makes for no reason, per second.
    dark : float
        Intensity of black on the screen, where white is 1 more.
    blur : float
        Standard deviation of the optics' point spread, in pixels.
    inverted : bool
        Whether what becomes darker is ON. In the real recording the edge that the digit leaves behind is.
    moves_us : tuple of (int, int)
        Start and end of each saccade, in microseconds; between them the speed rises and falls as in a motion of least
        jerk.
    duration_us : int
        Length of a recording.
    seed : int
        Of the thresholds, which belong to the sensor and are the same for all recordings.
    """

    threshold: float = 0.4
    mismatch: float = 0.1
    refractory_us: int = 1000
    noise_hz: float = 0.15
    dark: float = 0.1
    blur: float = 0.4
    inverted: bool = True
    moves_us: tuple[tuple[int, int], ...] = ((5_000, 97_000), (105_000, 200_000), (223_000, 300_000))
    duration_us: int = 311_000
    seed: int = 0


def record(images: Tensor, camera: Camera, seeds: list[int]) -> list[Events]:
    """Record some images.

    Parameters
    ----------
    images : Tensor
        ``[N, 28, 28]``, uint8.
    camera : Camera
        What records.
    seeds : list of int
        Of the noise, one an image. A recording depends on its image, seed and camera alone, not on its neighbours.

    Returns
    -------
    list of Events
        N recordings, in microseconds.
    """
    index, times, polarities = _respond(_log_intensity(images, camera), camera)
    order = np.argsort(index // PIXELS, kind="stable")
    bounds = np.searchsorted(index[order] // PIXELS, np.arange(len(images) + 1))
    recordings = []
    for sample, seed in enumerate(seeds):
        mine = order[bounds[sample] : bounds[sample + 1]]
        answers = (index[mine] % PIXELS, times[mine], polarities[mine])
        both = zip(answers, _noise(camera, np.random.default_rng(seed)), strict=True)
        pixel, time, polarity = (np.concatenate(pair) for pair in both)
        recordings.append(make_events(pixel % SENSOR, pixel // SENSOR, time, polarity))
    return recordings


def position(time_us: float, camera: Camera) -> tuple[float, float]:
    """Tell how far the picture has moved to the right and down, in pixels."""
    right = down = 0.0
    for (start, end), (to_right, to_down) in zip(camera.moves_us, SACCADES, strict=True):
        s = min(max((time_us - start) / (end - start), 0.0), 1.0)
        done = 10 * s**3 - 15 * s**4 + 6 * s**5
        right, down = right + done * to_right, down + done * to_down
    return right, down


def thresholds(camera: Camera) -> tuple[Tensor, Tensor]:
    """Return the thresholds of every pixel for brighter and for darker, both ``[34, 34]`` and positive."""
    draw = torch.Generator().manual_seed(camera.seed)
    factors = 1 + camera.mismatch * torch.randn(2, SENSOR, SENSOR, generator=draw)
    on, off = camera.threshold * factors.clamp(min=0.2)
    return on, off


def _log_intensity(images: Tensor, camera: Camera) -> Tensor:
    """Logarithm of the blurred pictures with a black margin to move in, ``[N, 43, 43]``."""
    margin = (MARGIN, SENSOR - images.shape[-1] + 1)
    picture = F.pad(images.float() / 255, (*margin, *margin))
    weights = torch.exp(-0.5 * (torch.arange(-BLUR_REACH, BLUR_REACH + 1) / camera.blur) ** 2)
    # Sums of shifted pictures and no convolution, whose rounding may depend on how many pictures there are.
    for axis in (-1, -2):
        shifted = [picture.roll(shift, axis) for shift in range(-BLUR_REACH, BLUR_REACH + 1)]
        picture = sum(
            (part * float(weight) for part, weight in zip(shifted, weights / weights.sum(), strict=True)),
            start=torch.zeros(()),
        )
    return (picture + camera.dark).log()


def _view(pictures: Tensor, right: float, down: float) -> Tensor:
    """What the sensor sees of pictures that have moved, ``[N, 34, 34]``, linear between pixels."""
    views = pictures
    for axis, moved in ((1, down), (2, right)):
        first = int(MARGIN - moved)
        lower = views.narrow(axis, first, SENSOR)
        views = torch.lerp(lower, views.narrow(axis, first + 1, SENSOR), MARGIN - moved - first)
    return views


def _respond(pictures: Tensor, camera: Camera) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Events of all pixels of all sensors: which pixel of ``[N, 34, 34]``, its time, its polarity."""
    on, off = thresholds(camera)
    here = position(0, camera)
    before = _view(pictures, *here)
    remembered, blind_until = before.clone(), torch.zeros_like(before)
    index, times, polarities = [], [], []
    for now in range(STEP_US, camera.duration_us, STEP_US):
        last, here = here, position(now, camera)
        if here == last:
            continue  # nothing changes, so nothing answers
        view = _view(pictures, *here)
        blind = ((blind_until - (now - STEP_US)) / STEP_US).clamp(0, 1)  # part of this step
        remembered = torch.where(blind > 0, torch.lerp(before, view, blind), remembered)
        change = view - remembered
        fired = ((change >= on) | (change <= -off)).flatten().nonzero()[:, 0]
        brighter = change.flatten()[fired] > 0
        step = (view - before).flatten()[fired].abs()
        pixel = fired % PIXELS
        excess = change.flatten()[fired].abs() - torch.where(brighter, on.flatten()[pixel], off.flatten()[pixel])
        since = (excess / step).clamp(0, 1).nan_to_num(0)  # how long before `now`, in steps
        when = now - since * STEP_US
        blind_until.view(-1)[fired] = when + camera.refractory_us
        remembered.view(-1)[fired] = view.flatten()[fired]  # to be followed while it is blind
        index.append(fired)
        times.append(when.long())
        polarities.append((brighter != camera.inverted).long())
        before = view
    return torch.cat(index).numpy(), torch.cat(times).numpy(), torch.cat(polarities).numpy()


def _noise(camera: Camera, draw: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Events without a reason: pixels, times, polarities."""
    count = draw.poisson(camera.noise_hz * PIXELS * camera.duration_us / 1e6)
    return (
        draw.integers(PIXELS, size=count),
        draw.integers(camera.duration_us, size=count),
        draw.integers(2, size=count),
    )
