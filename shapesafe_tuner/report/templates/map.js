"use strict";
(() => {
  const data = JSON.parse(document.getElementById("maps").textContent);
  if (data === null) return;
  const form = document.getElementById("choose");
  const down = document.getElementById("down");
  const across = document.getElementById("across");
  const place = document.getElementById("map-here");
  const said = document.getElementById("said");

  const made = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    if (text !== null) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  const row = (parent, ...cells) => {
    const line = parent.appendChild(made("tr", null));
    line.append(...cells);
  };

  // A pair is stored once; the other way round it is transposed.
  const cellsOf = (rows, columns) => {
    const known = data.pairs.find((pair) => pair.down === rows && pair.across === columns);
    if (known) return { said: known.said, cells: known.cells };
    const other = data.pairs.find((pair) => pair.down === columns && pair.across === rows);
    const turned = other.cells[0].map((_, column) => other.cells.map((line) => line[column]));
    return { said: other.said, cells: turned };
  };

  const draw = () => {
    const [rows, columns] = [Number(down.value), Number(across.value)];
    const [vertical, horizontal] = [data.axes[rows], data.axes[columns]];
    const found = cellsOf(rows, columns);
    const table = made("table", null, { class: "map" });
    const title = `Feasible share in per cent: ${vertical.name} down, ${horizontal.name} across`;
    table.appendChild(made("caption", title, { class: "hidden" }));
    const head = table.appendChild(made("thead", null));
    const width = horizontal.labels.length;
    row(head, made("td", ""), made("th", horizontal.name, { scope: "colgroup", colspan: width }));
    row(
      head,
      made("th", vertical.name, { scope: "col" }),
      ...horizontal.labels.map((label) => made("th", label, { scope: "col" })),
    );
    const body = table.appendChild(made("tbody", null));
    found.cells.forEach((line, index) => {
      const cells = line.map(([text, shade]) =>
        made("td", text, { class: `shade${shade < 0 ? "none" : shade}` }),
      );
      row(body, made("th", vertical.labels[index], { scope: "row" }), ...cells);
    });
    place.replaceChildren(table);
    said.textContent = found.said;
  };

  let [before, beside] = [data.pairs[0].down, data.pairs[0].across];
  for (const select of [down, across]) {
    data.axes.forEach((axis, index) => {
      select.appendChild(made("option", axis.name, { value: index }));
    });
    select.addEventListener("change", () => {
      // The same on both sides would be no map: the two change places.
      if (down.value === across.value) {
        if (select === down) across.value = before;
        else down.value = beside;
      }
      [before, beside] = [down.value, across.value];
      draw();
    });
  }
  down.value = before;
  across.value = beside;
  form.hidden = false;
})();
