(() => {
  const found = (id) => document.getElementById(id);
  const [cause, name, value] = ["by-cause", "by-name", "by-value"].map(found);
  const items = [...document.querySelectorAll("li[data-causes]")];
  const lines = [...document.querySelectorAll("#parallel polyline")];

  const chosen = (select) => (select === null ? "" : select.value);

  const fits = (item) =>
    (chosen(cause) === "" || item.dataset.causes.split(" ").includes(chosen(cause))) &&
    (chosen(name) === "" || item.dataset.names.split("\n").includes(chosen(name)));

  const passes = (line) => {
    const [axis, bin] = chosen(value).split(" ");
    return (
      (chosen(cause) === "" || line.dataset.cause === chosen(cause)) &&
      (bin === undefined || line.dataset.bins.split(" ")[axis] === bin)
    );
  };

  const say = (id, shown, all, what) => {
    const place = found(id);
    if (place !== null) place.textContent = shown === all ? "" : `${shown} of ${all} ${what}`;
  };

  const draw = () => {
    const isFiltered = chosen(cause) !== "" || chosen(name) !== "";
    for (const item of items) item.hidden = !fits(item);
    for (const fold of document.querySelectorAll("details.fold")) {
      if (isFiltered && fold.querySelector("li[data-causes]:not([hidden])")) fold.open = true;
    }
    for (const line of lines) line.classList.toggle("dimmed", !passes(line));
    say("filtered", items.filter(fits).length, items.length, "causes and conflicts shown");
    say("lines", lines.filter(passes).length, lines.length, "configurations shown");
  };

  for (const select of [cause, name, value]) {
    if (select === null) continue;
    select.addEventListener("change", draw);
    select.form.hidden = false;
  }
})();
