"""The ``tssl`` commands that run things; `reports.cli` adds those that show them."""
