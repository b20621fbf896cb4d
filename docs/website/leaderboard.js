// Sorts and filters the table of the leaderboard; without this file the page shows the same table as it is.
"use strict";

const known = (value) => value !== null && value !== "";
const FILTERS = {
  list: {
    headerFilter: "list",
    headerFilterParams: {
      valuesLookup: "all",
      clearable: true,
      sort: (one, other) => one.localeCompare(other, "en", { numeric: true }),
    },
    headerFilterFunc: "=",
    headerFilterPlaceholder: "all",
  },
  text: { headerFilter: "input", headerFilterFunc: "like", headerFilterPlaceholder: "contains" },
  least: {
    headerFilter: "input",
    headerFilterFunc: (least, value) => known(value) && value >= Number(least),
    headerFilterPlaceholder: "at least",
  },
  most: {
    headerFilter: "input",
    headerFilterFunc: (most, value) => known(value) && value <= Number(most),
    headerFilterPlaceholder: "at most",
  },
};

// A cell counts by its data-value where it has one, else by its text, and is shown as it stands in the page.
function readRow(row) {
  const cells = [...row.cells];
  return Object.fromEntries(
    cells.flatMap((cell, place) => {
      const number = cell.dataset.value;
      const value = number === undefined ? cell.textContent.trim() : number && Number(number);
      return [[`value${place}`, value], [`shown${place}`, cell.innerHTML]];
    }),
  );
}

function readColumn(head, place) {
  const numeric = "numeric" in head.dataset;
  return {
    title: head.textContent,
    field: `value${place}`,
    formatter: (cell) => cell.getData()[`shown${place}`],
    sorter: numeric ? "number" : "string",
    sorterParams: { alignEmptyValues: "bottom" },
    headerSortStartingDir: head.dataset.filter === "least" ? "desc" : "asc",
    hozAlign: numeric ? "right" : "left",
    headerHozAlign: numeric ? "right" : "left",
    cssClass: numeric ? "" : "leaderboard-words",
    variableHeight: !numeric,
    widthGrow: Number(head.dataset.width) / 100,
    minWidth: Number(head.dataset.width),
    ...FILTERS[head.dataset.filter],
  };
}

function enhance(table) {
  const rows = [...table.tBodies[0].rows];
  const count = document.getElementById("leaderboard-count");
  const place = document.createElement("div");
  table.replaceWith(place);
  const tabulator = new Tabulator(place, {
    columns: [...table.tHead.rows[0].cells].map(readColumn),
    data: rows.map(readRow),
    layout: "fitColumns",
  });
  tabulator.on("dataFiltered", (_, shown) => {
    count.textContent = `${shown.length} of ${rows.length} results`;
  });
  document.getElementById("leaderboard-reset").addEventListener("click", () => {
    tabulator.clearHeaderFilter();
    tabulator.setData(rows.map(readRow));
    tabulator.clearSort();
  });
  document.getElementById("leaderboard-tools").hidden = false;
}

const leaderboard = document.getElementById("leaderboard-table");
if (leaderboard) enhance(leaderboard);
