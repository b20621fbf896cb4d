"""What is asked of the runs: the claims of the paper and what bears on them, read from claims.toml and checked."""

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from benchmarks.config.validation import STRICT
from benchmarks.tracking.rows import METRIC_COLUMNS
from reports.load import ReportError
from reports.published import Published, published_by_id, published_results, tables_of
from tssl_core.architecture import parse_architecture


class Place(NamedTuple):
    """Where a claim is made: a dataset, and a network in the suite's notation without options."""

    dataset: str
    network: str

    @classmethod
    def of(cls, dataset: str, architecture: str) -> "Place":
        """Return the place of runs."""
        return cls(dataset, parse_architecture(architecture).plain)


class _Claim(BaseModel):
    """What every claim has.

    Attributes
    ----------
    id, text : str
        Name, and what is claimed, in words.
    elsewhere : list of str
        Datasets on which the same is looked at, beyond the paper: there is no verdict from them.
    study, arguments : str
        What has to be run to test it, and with which arguments; see `command_of`.
    lacking : str
        Why it was not run, where it could not be.
    """

    model_config = STRICT
    is_comparison: ClassVar[bool] = False
    """Whether it is one of the family of comparisons on each of its networks."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str = Field(min_length=1)
    elsewhere: list[str] = []
    study: str = ""
    arguments: str = ""
    lacking: str = ""

    @property
    def places(self) -> list[Place]:
        """Where the paper claims it."""
        raise NotImplementedError

    @property
    def claimed(self) -> str:
        """What is claimed, as a number where there is one, ready to print."""
        raise NotImplementedError

    def concerns(self, dataset: str) -> bool:
        """Whether runs on a dataset can say something about it."""
        return dataset in self.elsewhere or any(place.dataset == dataset for place in self.places)


class _GeneralClaim(_Claim):
    """One that rests on no single published row.

    Attributes
    ----------
    networks : list of str
        Where the paper claims it, each ``"dataset network"``; none for what the paper does not claim.
    epochs : int
        Of the published training, for a network of which published.toml says nothing.
    source, certainty : str
        As of `Published`.
    """

    networks: list[str] = []
    epochs: int = Field(default=100, ge=1)
    source: str = Field(min_length=1)
    certainty: Literal["seen", "memory"] = "seen"

    @field_validator("networks")
    @classmethod
    def _dataset_and_network(cls, names: list[str]) -> list[str]:
        for name in names:
            dataset, _, network = name.partition(" ")
            if not network or Place.of(dataset, network).network != network:
                raise ValueError(f"{name!r} is no dataset and network without options")
        return names

    @property
    def places(self) -> list[Place]:
        """Where the paper claims it."""
        return [Place(*name.split()) for name in self.networks]


class AccuracyClaim(_Claim):
    """A published accuracy, and the rows of other methods that the paper prints beside it.

    Attributes
    ----------
    result : str
        Id of a row of published.toml.
    others : list of str
        Ids of rows that the published accuracy is above.
    """

    kind: Literal["accuracy"]
    result: str
    others: list[str] = []

    @field_validator("result")
    @classmethod
    def _published_row_exists(cls, name: str) -> str:
        if published_by_id(name).architecture is None:
            raise ValueError(f"the published result {name} has no architecture that could be run")
        return name

    @field_validator("others")
    @classmethod
    def _other_rows_exist(cls, names: list[str]) -> list[str]:
        return [name for name in names if published_by_id(name)]

    @property
    def published(self) -> Published:
        """The row of published.toml."""
        return published_by_id(self.result)

    @property
    def other_rows(self) -> list[Published]:
        """The rows of other methods."""
        return [published_by_id(name) for name in self.others]

    @property
    def places(self) -> list[Place]:
        """The network of the row."""
        return [Place(self.published.dataset, str(self.published.architecture))]

    @property
    def claimed(self) -> str:
        """The published accuracy."""
        return str(self.published)

    @property
    def source(self) -> str:
        """Where the row was seen."""
        return self.published.source


class BoundClaim(_GeneralClaim):
    """The mean of a metric is at least a number.

    Attributes
    ----------
    metric : str
        Column of results.csv that is a fraction.
    at_least : float
        The bound.
    beside : str, optional
        Another column, shown with it: the same by another definition.
    time_steps : int
        T of the claim.
    """

    kind: Literal["bound"]
    metric: str
    at_least: float = Field(gt=0, le=1)
    beside: str | None = None
    time_steps: int = Field(ge=1)

    @property
    def claimed(self) -> str:
        """The bound."""
        return f"> {100 * self.at_least:g} %"

    @field_validator("metric", "beside")
    @classmethod
    def _metric_exists(cls, name: str | None) -> str | None:
        if name is not None and name not in METRIC_COLUMNS:
            raise ValueError(f"no metric {name!r}; expected one of {', '.join(METRIC_COLUMNS)}")
        return name


class BetterClaim(_GeneralClaim):
    """More accurate than another method, or than the method without a part of it, on equal terms.

    Attributes
    ----------
    than : str
        Name of the method.
    """

    is_comparison = True

    kind: Literal["better"]
    than: str = Field(min_length=1)

    @property
    def claimed(self) -> str:
        """Being better."""
        return "above 0"


class StepsSufficeClaim(_GeneralClaim):
    """As accurate with few steps as with many.

    Attributes
    ----------
    time_steps : int
        The few.
    margin : float, optional
        Percentage points that they may cost; that of the dataset if left out.
    """

    is_comparison = True

    kind: Literal["steps_suffice"]
    time_steps: int = Field(ge=1)
    margin: float | None = Field(default=None, ge=0)

    @property
    def claimed(self) -> str:
        """What few steps may cost."""
        return "a loss within the margin" if self.margin is None else f"a loss of at most {self.margin:g}"


class CountClaim(_GeneralClaim):
    """In how many runs something was reached; a bound would be ours.

    Attributes
    ----------
    reached : str
        Column of results.csv that is missing in runs that did not reach it.
    where : dict
        Columns of results.csv and the numbers that the runs must have in them.
    """

    kind: Literal["count"]
    reached: str
    where: dict[str, int] = {}

    @property
    def claimed(self) -> str:
        """No number."""
        return ""


Claim = AccuracyClaim | BoundClaim | BetterClaim | StepsSufficeClaim | CountClaim
_CLAIM: TypeAdapter[Claim] = TypeAdapter(Annotated[Claim, Field(discriminator="kind")])


def read_claims(text: str) -> tuple[Claim, ...]:
    """Read a claims.toml.

    Raises
    ------
    ReportError
        If there is none, or a claim is not valid or its id not its own; names the claim.
    """
    published_results()  # what is wrong with them is no fault of a claim
    claims: dict[str, Claim] = {}
    for number, values in enumerate(tables_of(text, "claims.toml", "claim"), start=1):
        try:
            claim = _CLAIM.validate_python(values)
        except ValidationError as error:
            details = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise ReportError(f"claim {number} ({values.get('id', 'without id')}): {details}") from error
        if claim.id in claims:
            raise ReportError(f"claim {number}: the id {claim.id} is taken; expected one of its own")
        claims[claim.id] = claim
    return tuple(claims.values())


@cache
def all_claims() -> tuple[Claim, ...]:
    """Every claim of claims.toml."""
    return read_claims((resources.files("reports") / "claims.toml").read_text(encoding="utf-8"))


def command_of(claim: Claim, place: Place) -> str:
    """What has to be run to test a claim on a network: its own study, or else that of the network's accuracy.

    Raises
    ------
    ReportError
        If claims.toml names neither.
    """
    of_network = (other.study for other in all_claims() if isinstance(other, AccuracyClaim) and place in other.places)
    study = claim.study or next(of_network, "")
    if not study:
        raise ReportError(f"claim {claim.id} has no study for {' '.join(place)}; expected one in claims.toml")
    return f"nox -s reproduce_{study} -- --profile paper {claim.arguments}".rstrip()


def places_of_the_paper() -> Iterator[tuple[Claim, Place]]:
    """Every claim of the paper with each place of it: the lines of the first table."""
    return ((claim, place) for claim in all_claims() for place in claim.places)
