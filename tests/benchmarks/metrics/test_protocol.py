"""Each metric says what its numbers are, and docs/protocol.md has it from there."""

import pytest

from benchmarks.metrics.metric import Metric, available_metrics, column_names, metric_columns


def test_no_two_metrics_give_a_number_or_table_of_one_name() -> None:
    tables = [name for metric in available_metrics() for name in metric.tables]
    assert len(set(column_names())) == len(column_names())
    assert len(set(tables)) == len(tables)


@pytest.mark.parametrize("metric", available_metrics(), ids=lambda metric: metric.name)
def test_a_metric_defines_every_number_and_table(metric: type[Metric]) -> None:
    definitions = [*(column.about for column in metric.columns), *metric.tables.values()]
    assert definitions
    assert all(len(about) > 10 for about in definitions)


def test_a_number_that_is_printed_is_told_apart_from_the_others() -> None:
    headings = [column.heading for column in metric_columns() if column.heading]
    assert len(headings) > 5
    assert len(set(headings)) == len(headings)
