"""The claims of the paper, read from claims.toml and checked one by one."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from benchmarks.config.validation import STRICT
from benchmarks.results import METRIC_COLUMNS
from reports.load import ReportError
from reports.published import Published, published_by_id, published_results, tables_of
from tssl_core.architecture import parse_architecture


class _Claim(BaseModel):
    """What every claim has.

    Attributes
    ----------
    id, text : str
        Name, and what is claimed, in words.
    run : str
        What has to be run to test it.
    stand_ins : list of str
        Datasets that may speak in place of the claim's own; a verdict says so.
    """

    model_config = STRICT
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str = Field(min_length=1)
    run: str = Field(min_length=1)
    stand_ins: list[str] = []

    @property
    def about(self) -> list[str]:
        """Datasets of the claim."""
        raise NotImplementedError

    @property
    def claimed(self) -> str:
        """What is claimed, as a number where there is one, ready to print."""
        raise NotImplementedError

    def concerns(self, dataset: str) -> bool:
        """Whether runs on a dataset can say something about it."""
        return dataset in self.about or dataset in self.stand_ins


class _GeneralClaim(_Claim):
    """One that rests on no single published row.

    Attributes
    ----------
    datasets : list of str
        What it is about.
    epochs : int
        Of the published training, for a network of which published.toml says nothing.
    source, certainty : str
        As of `Published`.
    """

    datasets: list[str] = Field(min_length=1)
    epochs: int = Field(ge=1)
    source: str = Field(min_length=1)
    certainty: Literal["seen", "memory"]

    @property
    def about(self) -> list[str]:
        """Datasets of the claim."""
        return self.datasets


class AccuracyClaim(_Claim):
    """At least a published accuracy.

    Attributes
    ----------
    result : str
        Id of a row of published.toml.
    time_steps : int, optional
        Ours; those of the row if left out.
    """

    kind: Literal["accuracy"]
    result: str
    time_steps: int | None = Field(default=None, ge=1)

    @field_validator("result")
    @classmethod
    def _published_row_exists(cls, name: str) -> str:
        row = published_by_id(name)
        if row.architecture is None:
            raise ValueError(f"the published result {name} has no architecture that could be run")
        return name

    @property
    def published(self) -> Published:
        """The row of published.toml."""
        return published_by_id(self.result)

    @property
    def about(self) -> list[str]:
        """Datasets of the claim."""
        return [self.published.dataset]

    @property
    def claimed(self) -> str:
        """The published accuracy."""
        return str(self.published)

    @property
    def steps(self) -> int | None:
        """T of our runs."""
        return self.time_steps or self.published.time_steps

    def is_of(self, architecture: str) -> bool:
        """Whether a network, in the suite's notation with its options, is the one claimed about."""
        return parse_architecture(architecture).plain == self.published.architecture


class BoundClaim(_GeneralClaim):
    """The mean of a metric is at least a number.

    Attributes
    ----------
    metric : str
        Column of results.csv that is a fraction.
    at_least : float
        The bound.
    where : dict
        Columns of results.csv and the numbers that the runs must have in them.
    pooled : bool
        Whether runs of all networks and T are taken together.
    """

    kind: Literal["bound"]
    metric: str
    at_least: float = Field(gt=0, le=1)
    where: dict[str, int] = {}
    pooled: bool = False

    @property
    def claimed(self) -> str:
        """The bound."""
        return f"> {100 * self.at_least:g}"

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, name: str) -> str:
        if name not in METRIC_COLUMNS:
            raise ValueError(f"no metric {name!r}; expected one of {', '.join(METRIC_COLUMNS)}")
        return name

    @field_validator("where")
    @classmethod
    def _columns_exist(cls, where: dict[str, int]) -> dict[str, int]:
        known = ("time_steps", *METRIC_COLUMNS)
        for name in where:
            if name not in known:
                raise ValueError(f"no column {name!r}; expected one of {', '.join(known)}")
        return where


class BetterClaim(_GeneralClaim):
    """More accurate than another method on equal terms.

    Attributes
    ----------
    than : str
        Name of the method.
    """

    kind: Literal["better"]
    than: str = Field(min_length=1)

    @property
    def claimed(self) -> str:
        """Being better."""
        return "better"


class StepsSufficeClaim(_GeneralClaim):
    """As accurate with few steps as with many.

    Attributes
    ----------
    time_steps : int
        The few.
    margin : float
        Percentage points that they may cost.
    """

    kind: Literal["steps_suffice"]
    time_steps: int = Field(ge=1)
    margin: float = Field(ge=0)

    @property
    def claimed(self) -> str:
        """What few steps may cost."""
        return f"within {self.margin:g} points"


Claim = Annotated[AccuracyClaim | BoundClaim | BetterClaim | StepsSufficeClaim, Field(discriminator="kind")]
_CLAIM: TypeAdapter[AccuracyClaim | BoundClaim | BetterClaim | StepsSufficeClaim] = TypeAdapter(Claim)


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


def claims_about(datasets: Iterable[str]) -> list[Claim]:
    """Claims on which runs on some datasets can say something."""
    names = set(datasets)
    return [claim for claim in all_claims() if any(claim.concerns(name) for name in names)]
