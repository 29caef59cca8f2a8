"use strict";
// Sorts a table by a press on a heading: best first (numbers falling, words rising), then the other way, then as it was.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells], original = [...body.rows];
  heads.forEach((head, place) => {
    const isText = head.classList.contains("words"), order = isText ? ["ascending", "descending"] : ["descending", "ascending"];
    const value = row => isText ? row.cells[place].textContent : row.cells[place].dataset.value;
    const compare = isText ? (a, b) => a.localeCompare(b, "en", {numeric: true}) : (a, b) => a - b;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = order[order.indexOf(head.getAttribute("aria-sort")) + 1];
      heads.forEach(other => other.removeAttribute("aria-sort"));
      if (next) head.setAttribute("aria-sort", next);
      const known = original.filter(row => value(row) !== undefined), unknown = original.filter(row => value(row) === undefined);
      const sign = next === "descending" ? -1 : 1;
      known.sort((a, b) => sign * compare(value(a), value(b)));
      body.append(...(next ? [...known, ...unknown] : original));
    });
  });
}
