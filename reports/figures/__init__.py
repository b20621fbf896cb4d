"""Figures of a report: pure functions of the tidy tables; `reports.figures.gallery` draws all that there is to show."""
