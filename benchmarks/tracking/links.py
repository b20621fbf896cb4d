"""Links into MLflow's UI.

MLflow 3 opens an experiment on pages that are for language models; these links open the table and the charts of runs.
"""

from urllib.parse import quote, urlencode

from benchmarks.tracking.cells import KIND, KIND_CELL, KIND_METHOD
from benchmarks.tracking.connection import Connection

LOCAL_UI = "http://127.0.0.1:5000"
"""Where ``nox -s mlflow_ui`` serves a store of this machine."""


def links_of(uri: str, experiment: str) -> dict[str, str]:
    """Links to the cells of a study as a table, and to its methods as charts over T.

    Parameters
    ----------
    uri : str
        Tracking URI; the UI of a store that is no server is that of ``nox -s mlflow_ui``.
    experiment : str
        Id of the study's experiment.
    """
    base = uri.rstrip("/") if uri.startswith("http") else LOCAL_UI
    page = f"{base}/#/experiments/{experiment}/runs"
    views = {"table": {KIND: KIND_CELL}, "charts": {KIND: KIND_METHOD, "compareRunsMode": "CHART"}}
    links = {}
    for name, view in views.items():
        search = f"tags.{KIND} = '{view.pop(KIND)}'"
        query = {"workflowType": "machine_learning", "searchFilter": search, **view}
        links[name] = f"{page}?{urlencode(query, quote_via=quote)}"
    return links


def print_links(uri: str) -> None:
    """Print the links of all studies that a store has."""
    connection = Connection(uri)
    for experiment in connection.client().search_experiments():
        if experiment.name != "Default":
            print(f"{experiment.name}:", *links_of(uri, experiment.experiment_id).values(), sep="\n  ")
