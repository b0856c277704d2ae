"use strict";
// Filters the table and opens its cells. All of it can be read without this.
// The address is #CASE@SYSTEM?q=TEXT&verdict=WORD&area=AREA&kernel=SYSTEM, each part at will.
(async () => {
  if (!("DecompressionStream" in window)) return;
  const packed = atob(document.getElementById("data").textContent);
  const bytes = new Blob([Uint8Array.from(packed, (byte) => byte.charCodeAt(0))]).stream();
  const data = await new Response(bytes.pipeThrough(new DecompressionStream("deflate"))).json();

  // A block of equal neighbours becomes cells again.
  for (const cell of document.querySelectorAll(".matrix td[colspan]")) {
    const { colSpan } = cell;
    cell.removeAttribute("colspan");
    for (let at = 1; at < colSpan; at++) {
      const copy = cell.cloneNode(true);
      copy.removeAttribute("id");
      copy.classList.remove("f");
      copy.classList.add("m");
      cell.after(copy);
    }
  }

  const form = document.getElementById("filter");
  const drawer = document.getElementById("drawer");
  const count = form.querySelector("output");
  const only = document.head.appendChild(document.createElement("style"));
  const areas = [...document.querySelectorAll(".area")];
  const rows = areas.flatMap((area) =>
    [...area.querySelectorAll("tbody tr")].map((tr) => ({ tr, area, name: tr.id })));
  rows.forEach((row, at) => {
    row.cells = [...row.tr.cells].slice(1);
    row.text = `${row.name} ${row.tr.cells[0].textContent}`.toLowerCase();
    row.seen = data.rows[at];
  });
  areas.forEach((area) => area.querySelectorAll("thead .gap").forEach(({ cellIndex }) =>
    area.querySelectorAll("tbody tr").forEach((tr) => tr.cells[cellIndex].classList.add("gap"))));
  const byName = new Map(rows.map((row) => [row.name, row]));
  const places = new Map(data.columns.map((column, at) => [column.name, at]));
  let open = null; // the [row, place] that the drawer shows
  let stop = null; // the cell that Tab reaches

  document.documentElement.classList.add("js");
  form.hidden = false;
  document.querySelectorAll(".matrix").forEach((table) => table.setAttribute("role", "grid"));
  rows.forEach((row) => row.cells.forEach((cell) => { cell.tabIndex = -1; }));

  // Filters.
  const settings = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));

  function filter() {
    const { q = "", verdict = "", area = "", kernel = "" } = settings();
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const place = places.get(kernel);
    only.textContent = place === undefined ? "" :
      `.matrix tr > :nth-child(n+2):not(:nth-child(${place + 2})) { display: none }`;
    const fits = (cell) => verdict === "unexpected" ? cell.classList.contains("x") :
      verdict === "changes" ? cell.classList.contains("f") : cell.textContent === verdict;
    let shown = 0;
    for (const row of rows) {
      const cells = place === undefined ? row.cells : [row.cells[place]];
      const show = words.every((word) => row.text.includes(word)) &&
        (!area || row.area.dataset.area === area) && (!verdict || cells.some(fits));
      row.tr.hidden = !show;
      shown += show;
    }
    for (const area of areas) area.hidden = !area.querySelector("tbody tr:not([hidden])");
    count.textContent = shown === rows.length ? `${shown} cases` : `${shown} of ${rows.length} cases`;
    const first = rows.find((row) => !row.tr.hidden);
    if (first && (!stop || !stop.offsetParent)) reach(first.cells[place ?? 0]);
  }

  // The address.
  function address() {
    const query = new URLSearchParams(settings()).toString();
    const cell = open ? `${open[0].name}@${data.columns[open[1]].name}` : "";
    const hash = cell || query ? `#${encodeURI(cell)}${query ? `?${query}` : ""}` : " ";
    history.replaceState(null, "", hash === " " ? location.pathname + location.search : hash);
  }

  function follow() {
    const hash = location.hash.slice(1);
    const [link, query = ""] = hash.split("?", 2);
    const wanted = new URLSearchParams(query);
    for (const name of ["q", "verdict", "area", "kernel"]) form.elements[name].value = wanted.get(name) ?? "";
    filter();
    let cell = link;
    try { cell = decodeURI(link); } catch { /* as it stands */ }
    const at = cell.lastIndexOf("@");
    const row = byName.get(at < 0 ? cell : cell.slice(0, at));
    const place = places.get(cell.slice(at + 1));
    if (!row) return;
    row.area.open = true;
    if (at < 0 || place === undefined) { row.tr.scrollIntoView({ block: "center" }); return; }
    row.cells[place].scrollIntoView({ block: "center", inline: "nearest" });
    reach(row.cells[place]);
    show(row, place);
  }

  // Cells.
  function reach(cell) {
    if (stop) stop.tabIndex = -1;
    stop = cell;
    cell.tabIndex = 0;
  }

  function find(cell) {
    const row = byName.get(cell.parentElement.id);
    return [row, row.cells.indexOf(cell)];
  }

  function neighbour([row, place], down, right) {
    const visible = (cell) => cell && cell.offsetParent !== null;
    let at = rows.indexOf(row);
    do {
      at += down;
      place += right;
      const cell = rows[at]?.cells[place];
      if (!cell) return null;
      if (visible(cell)) return [rows[at], place];
    } while (down || right);
    return null;
  }

  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select");
    if (event.key === "Escape") {
      if (open) close();
      else if (typing) { form.reset(); filter(); address(); typing.blur(); }
    } else if (event.key === "/" && !typing) {
      event.preventDefault();
      form.elements.q.focus();
      form.elements.q.select();
    } else if (ARROWS[event.key] && !typing) {
      const focused = event.target.closest(".matrix td");
      const from = open ?? (focused && find(focused));
      const to = from && neighbour(from, ...ARROWS[event.key]);
      if (!from) return;
      event.preventDefault();
      if (!to) return;
      const cell = to[0].cells[to[1]];
      reach(cell);
      if (open) {
        cell.scrollIntoView({ block: "nearest", inline: "nearest" });
        show(...to);
      } else {
        cell.focus();
      }
    } else if ((event.key === "Enter" || event.key === " ") && event.target.matches(".matrix td")) {
      event.preventDefault();
      show(...find(event.target));
    }
  });
  document.addEventListener("click", (event) => {
    const cell = event.target.closest(".matrix td");
    if (!cell) return;
    reach(cell);
    show(...find(cell));
  });

  // The drawer.
  function make(tag, parts = {}, ...children) {
    const element = Object.assign(document.createElement(tag), parts);
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }
  const titled = (title, ...children) => [make("h3", {}, title), ...children];
  const listed = (pairs) => {
    const parts = pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
    return make("dl", {}, ...parts);
  };

  function check(row, entry) {
    const [which, holds = true, observed] = Array.isArray(entry) ? entry : [entry];
    const [sentence, expression, expected, line] = row.seen.checks[which];
    const value = observed ?? expected.replace(/^== /, "");
    return { holds, sentence, expression, expected, place: `${row.seen.file}:${line}`, value };
  }

  function checks(row, seen) {
    const items = (seen.checks ?? []).map((entry) => {
      const it = check(row, entry);
      const values = it.holds ? `${it.expression} gave ${it.value}` : `${it.expression} at ${it.place}`;
      return make("li", { className: it.holds ? "c" : "d" }, it.sentence, make("code", {}, values));
    });
    if (seen.more) items.push(make("li", {}, `… and ${seen.more} more that held`));
    return items.length ? titled("Checks", make("ul", { className: "checks" }, ...items)) : [];
  }

  function failure(row, seen) {
    const failed = (seen.checks ?? []).map((entry) => check(row, entry)).find((it) => !it.holds);
    if (!failed) return [];
    const side = (title, text) => make("div", {}, ...titled(title, make("pre", {}, text)));
    return [make("div", { className: "pair" }, side("Expected", failed.expected), side("Observed", failed.value))];
  }

  function facts(row, seen) {
    const name = (at) => row.seen.names[at];
    const pairs = [
      ...(seen.measures ?? []).map(([at, value]) => [name(at), String(value)]),
      ...(seen.statistics ?? []).map(([at, samples, p, alpha]) =>
        [name(at), `p = ${+p.toPrecision(3)} of ${samples} samples, rejected below ${alpha}`]),
      ...Object.entries(seen.verdicts ?? {}).map(([verdict, times]) => [verdict, `${times} times`]),
    ];
    if (seen.settled) pairs.push(["sleep was proved", seen.settled]);
    return pairs.length ? titled("Measured", listed(pairs)) : [];
  }

  // Swim lanes: a row a thread, a bar a call.
  function draw(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  }

  function timeline(seen) {
    const it = seen.timeline;
    if (!it) return [];
    const [left, width, height] = [130, 520, 22];
    const from = Math.min(...it.bars.map(([, start]) => start));
    const to = Math.max(...it.bars.map(([, start, micros]) => start + micros), from + 1);
    const x = (at) => left + ((at - from) / (to - from)) * width;
    const ms = (micros) => `${(micros / 1000).toFixed(3)} ms`;
    const bottom = it.lanes.length * height;
    const rows = it.lanes.flatMap((name, at) => [
      draw("text", { x: 0, y: at * height + 15 }, name.length > 18 ? `${name.slice(0, 17)}…` : name),
      draw("line", { x1: left, x2: left + width, y1: at * height + 11, y2: at * height + 11 })]);
    const bars = it.bars.map(([lane, start, micros, slept, text]) => draw("rect", {
      x: x(start).toFixed(2), y: lane * height + 4, height: height - 8,
      width: Math.max(x(start + micros) - x(start), 1).toFixed(2), class: slept ? "slept" : "ran",
    }, draw("title", {}, `${text}\n${slept ? "slept, " : ""}from ${ms(start)}, for ${ms(micros)}`)));
    const hatch = draw("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)" }, draw("rect", { width: 1.5, height: 5 }));
    const label = `${it.bars.length} calls of ${it.lanes.length} threads in ${ms(to - from)}; as text below`;
    const svg = draw("svg", { viewBox: `0 0 ${left + width + 2} ${bottom + 18}`, role: "img", class: "lanes",
      "aria-label": label }, draw("defs", {}, hatch), ...rows, ...bars,
      draw("text", { x: left, y: bottom + 14 }, ms(from)),
      draw("text", { x: left + width, y: bottom + 14, "text-anchor": "end" }, ms(to)));
    const text = make("details", {}, make("summary", {}, "As text"), make("pre", { className: "calls" }, it.text));
    const key = make("p", { className: "soft" }, "Full bars are calls, hatched ones those in which the thread slept.");
    const notes = (it.notes ?? []).map((note) => make("p", { className: "soft" }, note));
    return titled("Timeline", svg, key, ...notes, text);
  }

  function copied(text) {
    const button = make("button", { type: "button" }, "Copy");
    button.addEventListener("click", () => navigator.clipboard.writeText(text)
      .then(() => { button.textContent = "Copied"; }, () => { button.textContent = "Select it, and copy"; }));
    return button;
  }

  // The classes of a verdict.
  const kind = (cell) => [...cell.classList].filter((name) => "cduosbex".includes(name)).join(" ");

  function strip(row, place) {
    const buttons = row.cells.map((cell, at) => {
      const button = make("button", { type: "button", className: kind(cell) }, data.columns[at].name);
      button.title = cell.textContent || "not tried";
      if (at === place) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => { reach(row.cells[at]); show(row, at); });
      return button;
    });
    return make("div", { className: "strip" }, ...buttons);
  }

  function show(row, place) {
    const cell = row.cells[place];
    const column = data.columns[place];
    const at = row.seen.at[place];
    const seen = at === null ? {} : row.seen.seen[at];
    const word = at === null ? "not tried" : cell.textContent;
    const badge = kind(cell);
    const again = [column.again, row.seen.id, row.seen.server].filter(Boolean).join(" ");
    const claim = row.tr.querySelector("details > p");
    const closer = make("button", { type: "button", title: "Esc" }, "Close");
    closer.addEventListener("click", close);
    const log = (title, lines) => lines ? titled(title, make("pre", {}, lines)) : [];
    const threads = (seen.threads ?? []).map((thread) => thread.join("  ")).join("\n");
    drawer.replaceChildren(
      make("header", {},
        make("span", { className: `badge ${badge}` }, badge.includes("x") ? `${word}, unexpectedly` : word),
        closer),
      make("h2", {}, `${row.name} on ${column.name}`),
      claim.cloneNode(true),
      make("p", { className: "soft" }, row.seen.source),
      strip(row, place),
      ...(seen.reason ? titled("Because", make("p", {}, seen.reason)) : []),
      ...(seen.note ? titled("What is known of it", make("p", {}, seen.note)) : []),
      ...(seen.mend ? titled("Mend it with", make("pre", {}, seen.mend)) : []),
      ...failure(row, seen),
      ...log("The kernel logged", seen.log),
      ...log("Threads", threads),
      ...facts(row, seen),
      ...checks(row, seen),
      ...timeline(seen),
      ...log("Output", seen.output),
      ...(at !== null && seen.left_out ? [make("p", { className: "soft" }, data.left_out)] : []),
      ...titled("Try it again", make("pre", {}, again), copied(again)),
      ...titled("System", listed(column.facts)));
    drawer.setAttribute("aria-label", `${row.name} on ${column.name}`);
    drawer.hidden = false;
    drawer.scrollTop = 0;
    document.querySelector(".open")?.classList.remove("open");
    cell.classList.add("open");
    open = [row, place];
    drawer.focus({ preventScroll: true });
    address();
  }

  function close() {
    const [row, place] = open;
    open = null;
    drawer.hidden = true;
    row.cells[place].classList.remove("open");
    row.cells[place].focus({ preventScroll: true });
    address();
  }

  form.addEventListener("input", () => { filter(); address(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", follow);
  follow();
})();
