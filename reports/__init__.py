"""From logged runs to tables, figures and a Markdown report."""
