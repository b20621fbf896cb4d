"""Tables of a report: pure functions of the tidy table of runs, ready to print."""

from reports.tables.ablation import ablation_table
from reports.tables.accuracy import accuracy_by_setting, accuracy_by_steps, accuracy_matrix, comparison_table
from reports.tables.alignment import alignment_tables, noise_table, place_table
from reports.tables.cost import cost_table
from reports.tables.dated import early_stopping_table, factor_table
from reports.tables.differences import difference_table
from reports.tables.effort import effort_table
from reports.tables.factorial import effect_table, factorial_runs, harm_table
from reports.tables.missing import missing_table, unfinished_table
from reports.tables.parameters import parameter_table
from reports.tables.published import published_table
from reports.tables.sequences import sequence_difference_table, sequence_summary, sequence_table

__all__ = [
    "ablation_table",
    "accuracy_by_setting",
    "accuracy_by_steps",
    "accuracy_matrix",
    "alignment_tables",
    "comparison_table",
    "cost_table",
    "difference_table",
    "early_stopping_table",
    "effect_table",
    "effort_table",
    "factor_table",
    "factorial_runs",
    "harm_table",
    "missing_table",
    "noise_table",
    "parameter_table",
    "place_table",
    "published_table",
    "sequence_difference_table",
    "sequence_summary",
    "sequence_table",
    "unfinished_table",
]
