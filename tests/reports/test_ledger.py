"""The two tables: the right runs for each claim, verdicts on the paper's data and protocol alone."""

import shlex
from typing import Any

import pytest

from benchmarks.study.study import load_study
from reports.answers import Answer
from reports.claims import BetterClaim, Place, StepsSufficeClaim, command_of, places_of_the_paper, read_claims
from reports.ledger import answers_of, beyond, ledger
from reports.load import ReportError
from reports.model import Ledger, LedgerLine
from reports.published import METHOD
from reports.templating import blocks_to_markdown
from reports.verdicts import Verdict
from tests.reports.made import results_of, run_row

CNN1 = "96C3p1w5d0.2-256C3p1w5-P2d0.2-384C3p1w5-P2d0.2-384C3p1w5d0.2-256C3p1w5-1024d0.2-1024d0.2"


def seeds(n: int, accuracy: float = 0.8975, **changes: Any) -> list[dict[str, Any]]:
    """Seeds of FashionMNIST 400-400 at the paper's protocol; the best epoch and the last one are about as accurate."""
    made = []
    for seed in range(n):
        value = accuracy + 0.0001 * (seed - (n - 1) / 2)
        made.append(run_row(**{"seed": str(seed), "accuracy_best": value, "accuracy_last": value, **changes}))
    return made


def line_of(claim: str, *runs: dict[str, Any], place: str = "fashion_mnist 400-400") -> LedgerLine:
    lines = ledger(answers_of(results_of(*runs).runs), [Place(*place.split())])
    (line,) = [line for line in lines if line.claim.id == claim]
    return line


def beyond_of(claim: str, *runs: dict[str, Any]) -> Answer:
    (answer,) = [one for one in answers_of(results_of(*runs).runs) if one.claim.id == claim and not one.of_the_paper]
    return answer


def test_runs_by_the_papers_protocol_reproduce_its_accuracy_without_further_words() -> None:
    line = line_of("fashion-mnist-mlp", *seeds(3))
    assert line.judgement.verdict is Verdict.REPRODUCED
    assert line.ours == "89.75 ± 0.01 (last version)"
    assert line.claim.claimed == "89.75 ± 0.03 (best 89.80)"
    assert line.terms == "n = 3; 100 epochs"
    assert line.judgement.difference == "+0.00 [-0.04, +0.04]"
    assert line.judgement.reason == ""


def test_rows_of_other_methods_that_the_paper_prints_stand_in_the_same_line() -> None:
    line = line_of("fashion-mnist-mlp", *seeds(3))
    assert line.beside == (
        "HM2-BP, T = 400 (best 88.99): +0.76 [+0.71, +0.81], reproduced",
        "ANN (best 89.01): +0.74 [+0.69, +0.79], reproduced",
    )
    level = line_of("fashion-mnist-mlp", *seeds(3, 0.8901)).beside
    assert level[1] == "ANN (best 89.01): +0.00 [-0.05, +0.05], undecided", "the paper says above, and not as good as"
    memory = line_of("mnist", *seeds(3, dataset="mnist", architecture=MNIST), place=f"mnist {MNIST}").beside[-1]
    assert memory.startswith("SLAYER, T = 300 (99.36 ± 0.05 (best 99.41), from memory)")


MNIST = "15C5-P2-40C5-P2-300"


def test_runs_by_the_papers_protocol_that_fall_short_do_not_reproduce_it() -> None:
    assert line_of("fashion-mnist-mlp", *seeds(3, 0.85)).judgement.verdict is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"epochs": "99"}, "99 of 100 epochs"),
        ({"protocol": "quick"}, "profile quick"),
        ({"train_samples": "5000"}, "5,000 training samples"),
        ({"test_samples": "500"}, "500 test samples"),
    ],
)
def test_a_reduced_protocol_is_beyond_the_paper_and_has_no_verdict(change: dict[str, Any], told: str) -> None:
    found = answers_of(results_of(*seeds(3, **change)).runs)
    verdicts = {line.claim.id: line.judgement.verdict for line in ledger(found, [Place("fashion_mnist", "400-400")])}
    assert verdicts["fashion-mnist-mlp"] is Verdict.NOT_RUN
    assert [told in answer.terms for answer in found if answer.claim.id == "fashion-mnist-mlp"] == [True]
    assert not {*map(str, Verdict)} & set(blocks_to_markdown(beyond(found)).split(" | "))


@pytest.mark.parametrize("epochs", ["120", "150"])
def test_a_comparison_is_held_to_the_epochs_that_the_paper_trained_that_network_for(epochs: str) -> None:
    cnn1: dict[str, Any] = {"dataset": "cifar10", "architecture": CNN1, "epochs": epochs}
    runs = [*seeds(5, **cnn1), *seeds(5, 0.89, **cnn1, method="stbp", time_steps="5")]
    place = "cifar10 96C3-256C3-P2-384C3-P2-384C3-256C3-1024-1024"
    decided = line_of("better-than-stbp", *runs, place=place).judgement.verdict is Verdict.REPRODUCED
    assert decided == (epochs == "150")


def test_of_several_protocols_the_least_reduced_one_speaks() -> None:
    line = line_of("fashion-mnist-mlp", *seeds(3, 0.90, epochs="30", protocol="quick"), *seeds(3))
    assert line.terms == "n = 3; 100 epochs"


def test_a_copy_of_the_data_is_beyond_the_paper() -> None:
    copy = seeds(3, 0.89, dataset="cifar10", architecture=CNN1, epochs="150", data_source="folder of JPEG files")
    place = "cifar10 96C3-256C3-P2-384C3-P2-384C3-256C3-1024-1024"
    assert line_of("cifar10-cnn1", *copy, place=place).judgement.verdict is Verdict.NOT_RUN
    assert beyond_of("cifar10-cnn1", *copy).terms.endswith("on a copy of the data")
    original = seeds(3, 0.89, dataset="cifar10", architecture=CNN1, epochs="150", data_source="torchvision's batches")
    assert line_of("cifar10-cnn1", *original, place=place).judgement.verdict is Verdict.REPRODUCED


def test_being_better_is_judged_seed_by_seed_on_equal_terms_from_five_seeds_on() -> None:
    ann: dict[str, Any] = {"method": "ann", "time_steps": "1"}
    better = line_of("better-than-ann", *seeds(5), *seeds(5, 0.89, **ann))
    worse = line_of("better-than-ann", *seeds(5), *seeds(5, 0.90, **ann))
    few = line_of("better-than-ann", *seeds(4), *seeds(4, 0.89, **ann))
    elsewhere = line_of("better-than-ann", *seeds(5), *seeds(5, 0.89, epochs="10", **ann))
    assert better.judgement.verdict is Verdict.REPRODUCED
    assert better.title == "More accurate than the ANN of the same structure: FashionMNIST, 400-400"
    assert better.ours == "89.75 ± 0.02; 89.00 ± 0.02"
    assert better.judgement.difference == "+0.75 [+0.75, +0.75]"
    assert worse.judgement.verdict is Verdict.NOT_REPRODUCED
    assert (few.judgement.verdict, few.judgement.reason) == (Verdict.UNDECIDED, "4 seeds of at least 5")
    assert elsewhere.judgement.verdict is Verdict.NOT_RUN


def test_a_comparison_is_of_the_last_ten_epochs_and_the_best_one_stands_beside() -> None:
    noisy = seeds(5, 0.89, method="ann", time_steps="1", accuracy_best=0.95)
    line = line_of("better-than-ann", *seeds(5), *noisy)
    assert line.judgement.verdict is Verdict.REPRODUCED
    assert line.beside[0].startswith("best epoch: -5.25 [")


def test_comparisons_on_one_network_are_corrected_for_their_number_also_for_those_that_were_not_run() -> None:
    gaps = [0.0001, 0.0010, 0.0013, 0.0002, 0.0011]  # p = 0.039 for the mean of 0.074 points, times four
    worse = [run | {"accuracy_last": run["accuracy_last"] - gap} for run, gap in zip(seeds(5), gaps, strict=True)]
    ann = [run | {"method": "ann", "time_steps": "1", "run_key": run["run_key"] + "a"} for run in worse]
    surrogate = [run | {"method": "tssl_bp:no-intra", "run_key": run["run_key"] + "b"} for run in worse]
    alone = line_of("better-than-ann", *seeds(5), *ann)
    together = line_of("better-than-ann", *seeds(5), *ann, *surrogate)
    for line in (alone, together):
        assert line.judgement.verdict is Verdict.UNDECIDED
        needed = "even odds of a verdict with 7 seeds"
        assert line.judgement.reason == f"p = 0.16 after the correction for its family; {needed}"


def test_the_other_method_is_taken_with_its_best_setting_and_tssl_bp_with_the_one_of_most_seeds() -> None:
    stbp: dict[str, Any] = {"method": "stbp", "time_steps": "5"}
    bad, good = seeds(3, 0.5, **stbp, cell_key="bad"), seeds(3, 0.9, **stbp, cell_key="good")
    answer = beyond_of("better-than-stbp", *seeds(3), *bad, *good)
    assert answer.subject == "TSSL-BP minus STBP, T = 5 (good)"
    assert answer.ours == "89.75 ± 0.01; 90.00 ± 0.01"
    lucky = run_row(**stbp, cell_key="lucky", accuracy_best=0.95)
    assert beyond_of("better-than-stbp", *seeds(3), lucky, *good).ours == answer.ours, "one seed decides nothing"
    ours = [*seeds(3, 0.88, cell_key="one"), *seeds(3, 0.91, cell_key="two")]
    assert beyond_of("better-than-stbp", *ours, *good).ours == "91.00 ± 0.01; 90.00 ± 0.01"
    assert line_of("fashion-mnist-mlp", *ours).ours == "91.00 ± 0.01 (last version)"
    chosen = run_row(cell_key="two", seed="3", accuracy_best=0.5, accuracy_last=0.5)
    assert beyond_of("better-than-stbp", *ours, chosen, *good).ours.startswith("91.00"), "of most seeds, those in both"


def test_where_the_strongest_runs_have_nothing_to_compare_with_weaker_ones_that_have_speak() -> None:
    shorter = [*seeds(3, 0.88, epochs="10"), *seeds(3, 0.87, epochs="10", method="stbp")]
    answer = beyond_of("better-than-stbp", *seeds(3), *shorter)
    assert answer.ours == "88.00 ± 0.01; 87.00 ± 0.01"
    assert "10 of 100 epochs" in answer.terms
    many = seeds(3, 0.8801, epochs="10", time_steps="20")
    assert beyond_of("five-steps-suffice", *seeds(3), *shorter, *many).subject == "TSSL-BP, 5 minus 20 steps"


def test_five_steps_suffice_if_they_cost_no_more_than_the_margin() -> None:
    many = seeds(5, 0.8989, time_steps="10")
    assert line_of("five-steps-suffice", *seeds(5), *many).judgement.verdict is Verdict.REPRODUCED
    more = seeds(5, 0.8991, time_steps="20")
    assert line_of("five-steps-suffice", *seeds(5), *many, *more).judgement.verdict is Verdict.NOT_REPRODUCED


def test_that_few_steps_are_no_worse_is_tested_against_the_margin_and_not_against_none() -> None:
    noisy = [run | {"accuracy_last": 0.8975 + 0.0003 * (-1) ** int(run["seed"])} for run in seeds(5, time_steps="20")]
    assert line_of("five-steps-suffice", *seeds(5), *noisy).judgement.verdict is Verdict.REPRODUCED


def test_a_bound_on_silence_is_held_to_the_right_network_and_t_and_told_by_both_definitions() -> None:
    cell: dict[str, Any] = {"architecture": "12C5p1-P2-64C5-P2", "never_fraction": 0.125}
    right = [run | {"silent_fraction": 0.76} for run in seeds(3, **cell, dataset="nmnist", time_steps="100")]
    wrong = [run | {"silent_fraction": 0.10} for run in seeds(3, **cell, dataset="nmnist", time_steps="30")]
    line = line_of("silent-nmnist", *right, *wrong, place="nmnist 12C5-P2-64C5-P2")
    assert line.judgement.verdict is Verdict.REPRODUCED
    assert line.ours == "76.00 ± 0.00; for no sample at all 12.50 ± 0.00"


def test_simulated_recordings_say_nothing_about_claims_on_recorded_ones() -> None:
    cell: dict[str, Any] = {"architecture": "12C5p1-P2-64C5-P2", "silent_fraction": 0.76}
    made = [run for steps in ("30", "100") for run in seeds(5, **cell, dataset="nmnist_simulated", time_steps=steps)]
    runs = results_of(*made).runs
    assert answers_of(runs) == []
    lines = [line for line in ledger(answers_of(runs)) if "N-MNIST" in line.title]
    assert len(lines) == 5
    assert {(line.judgement.verdict, line.judgement.reason) for line in lines} == {
        (Verdict.NOT_RUN, "recordings not to be had")
    }


def test_what_a_network_learns_or_not_is_a_count_with_an_exact_interval_of_each_version() -> None:
    cell: dict[str, Any] = {"dataset": "spike_patterns", "accuracy_best": None, "accuracy_last": None, "patterns": 1.0}
    runs = [
        run_row(**cell, architecture=network, seed=str(seed), steps_to_exact=9.0 if seed else None)
        for network in ("100", "100-100")
        for seed in range(2)
    ]
    many = run_row(**{**cell, "patterns": 16.0}, steps_to_exact=1.0)
    found = [one for one in answers_of(results_of(*runs, many).runs) if one.claim.id == "target-spike-trains"]
    assert [(one.subject, one.ours) for one in found] == [
        ("Runs that learn one pattern to the last spike: TSSL-BP", "2 of 4 [7, 93] %")
    ]


def test_a_single_seed_decides_nothing() -> None:
    line = line_of("fashion-mnist-mlp", *seeds(1))
    assert (line.judgement.verdict, line.judgement.reason) == (Verdict.UNDECIDED, "1 seed of at least 3")
    assert line.judgement.difference == "+0.00"


def test_a_claim_that_nothing_tests_is_not_run_and_says_what_to_run() -> None:
    line = line_of("better-than-ann", *seeds(3))
    assert line.judgement.verdict is Verdict.NOT_RUN
    assert "`nox -s reproduce_fashion_mnist -- --profile paper`" in blocks_to_markdown(Ledger((line,)))


def test_failed_runs_and_searches_on_held_out_samples_say_nothing() -> None:
    assert answers_of(results_of(*seeds(3, status="failed")).runs) == []
    assert answers_of(results_of(*seeds(3, evaluate_on="held_out")).runs) == []


def test_a_study_about_which_nothing_is_claimed_has_empty_tables() -> None:
    found = answers_of(results_of(run_row(dataset="imagenet")).runs)
    assert found == []
    assert ledger(found, [Place("imagenet", "400-400")]) == ()
    assert beyond(found).rows == ()


def test_the_ledger_prints_every_part_of_a_line_and_in_brief_only_five() -> None:
    lines = ledger(answers_of(results_of(*seeds(3, 0.85)).runs), [Place("fashion_mnist", "400-400")])
    head, _, first, *_ = blocks_to_markdown(Ledger(lines)).splitlines()
    assert head == "| claim | claimed | ours | difference | verdict | runs | other published rows and versions |"
    assert "| -4.75 [-4.79, -4.71] | 🔴 not reproduced | n = 3; 100 epochs | HM2-BP" in first
    brief = blocks_to_markdown(Ledger(lines, brief=True)).splitlines()
    assert {line.replace("\\|", "").count("|") for line in brief} == {6}


def test_every_claim_of_the_paper_has_one_line_a_network_and_a_cell_is_in_no_other_table() -> None:
    lines = ledger([])
    assert len({(line.claim.id, line.title) for line in lines}) == len(lines)
    assert {line.judgement.verdict for line in lines} == {Verdict.NOT_RUN}
    accuracies = {line.claim.id for line in lines if line.claim.kind == "accuracy"}
    assert accuracies == {
        "mnist", "nmnist-30-steps", "nmnist-100-steps", "fashion-mnist-mlp", "fashion-mnist-cnn",
        "cifar10-cnn1", "cifar10-cnn2",
    }  # fmt: skip
    assert {"intra-neuron-term", "inter-neuron-term", "better-than-ann"} <= {line.claim.id for line in lines}


def test_what_is_to_be_run_for_a_claim_of_the_paper_has_its_network_and_what_is_compared() -> None:
    for claim, place in places_of_the_paper():
        session, name, *typed = shlex.split(command_of(claim, place).removeprefix("nox -s ").replace("_", " ", 1))
        assert (session, typed[:3]) == ("reproduce", ["--", "--profile", "paper"])
        cells = load_study(name, profile="paper", overrides=[text for text in typed[3:] if text != "--set"]).cells
        configs = [cell.config for cell in cells if Place.of(cell.config.dataset, cell.config.architecture) == place]
        assert METHOD in {config.method for config in configs}
        if isinstance(claim, BetterClaim):
            assert claim.than in {config.method for config in configs}
        if isinstance(claim, StepsSufficeClaim):
            steps = {config.time_steps for config in configs if config.method == METHOD}
            assert claim.time_steps in steps
            assert max(steps) >= 2 * claim.time_steps


def test_a_claim_of_a_network_that_no_study_is_named_for_is_refused() -> None:
    claim = next(claim for claim, _ in places_of_the_paper() if not claim.study)
    with pytest.raises(ReportError, match=f"claim {claim.id} has no study for mnist 10; expected one"):
        command_of(claim, Place("mnist", "10"))


CLAIM = {"id": '"some-claim"', "kind": '"accuracy"', "text": '"It works"', "result": '"mnist-cnn"', "study": '"mnist"'}


def one_claim(**changes: str | None) -> str:
    values = {key: value for key, value in {**CLAIM, **changes}.items() if value is not None}
    return "[[claim]]\n" + "\n".join(f"{key} = {value}" for key, value in values.items()) + "\n"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"result": '"mnist-dream"'}, "no published result 'mnist-dream'; expected one of mnist-cnn"),
        ({"kind": '"wish"'}, "'accuracy', 'bound', 'better', 'steps_suffice', 'count'"),
        ({"text": None}, "text: Field required"),
        ({"colour": '"red"'}, "colour: Extra inputs are not permitted"),
        ({"id": '"Some Claim"'}, "id: String should match"),
        ({"id": '"first"'}, "the id first is taken"),
    ],
)
def test_a_claim_with_a_mistake_is_refused_by_name(changes: dict[str, str | None], expected: str) -> None:
    first = one_claim(id='"first"')
    assert len(read_claims(first)) == 1
    with pytest.raises(ReportError) as caught:
        read_claims(first + one_claim(**changes))
    assert str(caught.value).startswith("claim 2")
    assert expected in str(caught.value)
