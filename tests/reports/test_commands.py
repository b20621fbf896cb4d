"""Commands that differ in the methods they choose are said as one."""

from benchmarks.study.study import command_line
from reports.commands import merge_commands


def command(*overrides: str) -> str:
    return command_line("reproduce", ["ablation", "--profile", "paper"], overrides) + " --threads 1"


def test_commands_that_choose_other_methods_become_one_that_chooses_all() -> None:
    rate = "run.optimizer.learning_rate=2e-4"
    commands = [
        command('grid.method=["tssl_bp"]'),
        command('grid.method=["tssl_bp"]', rate),
        command('grid.method=["ann","tssl_bp:clamp-10"]'),
        command('grid.method=["tssl_bp"]'),
    ]
    assert merge_commands(commands) == [
        command('grid.method=["tssl_bp","ann","tssl_bp:clamp-10"]'),
        command('grid.method=["tssl_bp"]', rate),
    ]


def test_commands_that_differ_otherwise_or_say_it_in_another_way_stay_as_they_are() -> None:
    commands = [
        command(),
        command("run.epochs=3"),
        command("grid.method=['ann']"),
        command('grid.method=["ann"]', 'grid.method=["stbp"]'),
        command("grid.seed=[0]"),
        "tssl run 'unbalanced",
    ]
    assert merge_commands([*commands, *commands]) == commands
