// The graph of an evaluation: pan, zoom, search, folds and bundles that open, and the way feedback takes back.
//
// Only boxes in sight are elements of the page; far away, all boxes of a kind are one path without words. So
// graphs of 10,000 nodes stay quick to move.

const BOX = { height: 42, row: 84, widest: 200, narrowest: 70, character: 6.7, line: 15, mostLines: 14 };
const WORDS_FROM = 0.42; // zoom below which boxes have no words
const MOST_WORDS = 700; // boxes in sight above which they have none either

/** Names of nodes that feedback on the output flows through: those between it and the parameters. */
function feedbackPath(graph) {
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const above = new Set();
  const pending = [graph.output];
  while (pending.length) {
    const name = pending.pop();
    if (above.has(name) || !byName.has(name)) continue;
    above.add(name);
    pending.push(...byName.get(name).parents);
  }
  const fed = new Set();
  for (const node of graph.nodes) {
    if (node.kind === "parameter" || node.parents.some((name) => fed.has(name))) fed.add(node.name);
  }
  return new Set([...above].filter((name) => fed.has(name)));
}

/** A view of `graph`; `feedback` is shown under the output, `onSelect(node)` is told what was chosen. */
class GraphView {
  constructor(graph, feedback, onSelect) {
    this.graph = graph;
    this.feedback = feedback;
    this.onSelect = onSelect;
    this.byName = new Map(graph.nodes.map((node) => [node.name, node]));
    this.fed = feedbackPath(graph);
    this.openFolds = new Set();
    this.openBundles = new Set();
    this.showAll = false;
    this.scale = 1;
    this.at = { x: 0, y: 0 };
    this.build();
    this.arrange();
  }

  build() {
    this.layer = draw("g");
    this.svg = draw(
      "svg",
      { class: "graph", tabindex: "0", role: "application", "aria-label": this.summary() },
      this.layer,
    );
    this.tip = make("div", { class: "tip", hidden: true });
    this.note = make("span", { class: "muted" });
    this.everything = make("button", { click: () => this.toggleAll() }, "Show all");
    const search = make("input", {
      type: "search",
      placeholder: "search by name ( / )",
      "aria-label": "search nodes by name",
      class: "search",
      list: "",
    });
    search.addEventListener("input", () => this.search(search.value));
    search.addEventListener("keydown", (event) => event.key === "Enter" && this.search(search.value, 1));
    const button = (words, label, action) =>
      make("button", { "aria-label": label, title: label, click: action }, words);
    const tools = [
      button("+", "zoom in", () => this.zoom(1.3)),
      button("−", "zoom out", () => this.zoom(1 / 1.3)),
      button("fit", "show the whole graph", () => this.fit()),
    ];
    this.element = make(
      "div",
      { class: "graph-frame" },
      make("div", { class: "tools" }, search, tools, this.everything, this.note),
      legend(),
      this.svg,
      this.tip,
    );
    this.listen();
  }

  summary() {
    const hidden = this.graph.left_out ? `, ${count(this.graph.left_out, "earlier node")} not in the record` : "";
    return `${count(this.graph.nodes.length, "node")}${hidden}`;
  }

  /** Folds, sizes and places; everything that does not depend on pan and zoom. */
  arrange() {
    this.boxes = boxesOf(this.graph, this.openFolds, this.showAll);
    this.boxes.forEach((box) => this.measure(box));
    const edges = this.boxes.flatMap((box, to) => box.parents.map((from) => [from, to]));
    const layout = layOut(
      this.boxes.map((box) => box.width),
      edges,
    );
    const tallest = new Array(layout.layers).fill(BOX.height);
    this.boxes.forEach((box, i) => (tallest[layout.layer[i]] = Math.max(tallest[layout.layer[i]], box.height)));
    const top = [];
    tallest.reduce((y, height, row) => ((top[row] = y), y + height + BOX.row - BOX.height), 0);
    this.places = layout.x.map((x, i) => ({
      x,
      y: top[layout.layer[i]],
      bottom: top[layout.layer[i]] + (this.boxes[i]?.height ?? tallest[layout.layer[i]]),
    }));
    this.boxes.forEach((box, i) => Object.assign(box, { x: this.places[i].x, y: this.places[i].y }));
    this.edges = edges.map(([from, to], i) => this.edge(from, to, layout.routes[i])).filter(Boolean);
    this.size = {
      width: Math.max(...this.boxes.map((box) => box.x + box.width / 2), 100),
      height: (top[layout.layers - 1] ?? 0) + (tallest[layout.layers - 1] ?? 0) + 70,
    };
    this.placeOf = new Map(this.boxes.flatMap((box) => box.nodes.map((i) => [this.graph.nodes[i].name, box])));
    const folded = this.boxes.reduce((total, box) => total + (box.isFold ? box.nodes.length : 0), 0);
    this.note.textContent = `${this.summary()}${folded ? `; ${folded.toLocaleString("en")} folded (dashed; click to open)` : ""}`;
    this.everything.hidden = !folded && !this.showAll;
    this.svg.style.height = `${Math.max(160, this.size.height + 30)}px`; // the style sheet says how much at most
    this.drawn = null;
    this.schedule();
  }

  measure(box) {
    const node = this.graph.nodes[box.nodes[0]];
    box.node = node;
    box.kind = box.isFold ? "fold" : ["parameter", "input", "failure"].includes(node.kind) ? node.kind : "operation";
    box.title = box.isFold ? `${box.nodes.length.toLocaleString("en")} more` : node.name;
    box.words = box.isFold ? `like ${node.name}` : (node.value.split("\n").find((line) => line.trim()) ?? "");
    box.inside = !box.isFold && this.openBundles.has(node.name) ? node.inside : [];
    if (!box.isFold && node.inside?.length) box.title = `${box.inside.length ? "▾" : "▸"} ${box.title}`;
    const longest = Math.max(
      box.title.length,
      Math.min(box.words.length, 28),
      ...box.inside.slice(0, BOX.mostLines).map((line) => Math.min(line.length, 60)),
    );
    box.width = Math.max(BOX.narrowest, Math.min(box.inside.length ? 430 : BOX.widest, 18 + longest * BOX.character));
    box.height = BOX.height + (box.inside.length ? Math.min(box.inside.length, BOX.mostLines + 1) * BOX.line + 4 : 0);
  }

  edge(from, to, route) {
    if (!route) return null;
    const ends = [this.places[from], this.places[to]];
    let path = "";
    for (let i = 0; i + 1 < route.length; i++) {
      const [above, below] = [this.places[route[i]], this.places[route[i + 1]]];
      const bend = Math.max(12, (below.y - above.bottom) * 0.55);
      path += `M${round(above.x)} ${round(above.bottom)}C${round(above.x)} ${round(above.bottom + bend)} ${round(below.x)} ${round(below.y - bend)} ${round(below.x)} ${round(below.y)}`;
      if (route[i + 1] >= this.boxes.length) path += `V${round(below.bottom)}`;
    }
    const fed = [from, to].every((end) => this.boxes[end].nodes.some((i) => this.fed.has(this.graph.nodes[i].name)));
    const tip = this.places[route[route.length - 1]];
    return {
      from,
      to,
      fed,
      path: `${path}M${round(tip.x - 3.5)} ${round(tip.y - 7)}L${round(tip.x)} ${round(tip.y)}L${round(tip.x + 3.5)} ${round(tip.y - 7)}`,
      top: ends[0].y,
      bottom: ends[1].bottom,
      left: Math.min(ends[0].x, ends[1].x),
      right: Math.max(ends[0].x, ends[1].x),
    };
  }

  schedule() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.show();
    });
  }

  /** Moves the picture, and draws again what came into sight. */
  show() {
    const { clientWidth, clientHeight } = this.svg;
    if (!clientWidth) return;
    if (!this.isFitted) {
      this.isFitted = true;
      this.begin();
    }
    this.layer.setAttribute(
      "transform",
      `translate(${round(this.at.x)} ${round(this.at.y)}) scale(${this.scale.toFixed(4)})`,
    );
    const sight = {
      left: -this.at.x / this.scale,
      top: -this.at.y / this.scale,
      width: clientWidth / this.scale,
      height: clientHeight / this.scale,
    };
    if (this.drawn && this.drawn.scale === this.scale && contains(this.drawn, sight)) return;
    const wide = {
      left: sight.left - sight.width / 2,
      top: sight.top - sight.height / 2,
      width: sight.width * 2,
      height: sight.height * 2,
    };
    this.drawn = { ...wide, scale: this.scale };
    this.drawSight(wide);
  }

  drawSight(sight) {
    const right = sight.left + sight.width;
    const bottom = sight.top + sight.height;
    const boxes = this.boxes.filter(
      (box) =>
        box.x + box.width / 2 >= sight.left &&
        box.x - box.width / 2 <= right &&
        box.y + box.height >= sight.top &&
        box.y <= bottom,
    );
    const edges = this.edges.filter(
      (edge) => edge.right >= sight.left && edge.left <= right && edge.bottom >= sight.top && edge.top <= bottom,
    );
    const hasWords = this.scale >= WORDS_FROM && boxes.length <= MOST_WORDS;
    const lines = (kind, chosen) =>
      draw("path", { class: `edge ${kind}`, d: chosen.map((edge) => edge.path).join("") });
    const near = edges.filter((edge) => [edge.from, edge.to].some((end) => this.boxes[end].name === this.selected));
    const parts = [
      lines(
        "",
        edges.filter((edge) => !edge.fed),
      ),
      lines(
        "fed",
        edges.filter((edge) => edge.fed),
      ),
      lines("near", near),
    ];
    parts.push(hasWords ? boxes.map((box) => this.box(box)) : this.farBoxes(boxes));
    if (hasWords) parts.push(this.feedbackBox());
    this.layer.replaceChildren(...parts.flat().filter(Boolean));
  }

  farBoxes(boxes) {
    const kinds = ["operation", "input", "fold", "parameter", "failure"];
    const outline = (box) =>
      `M${round(box.x - box.width / 2)} ${round(box.y)}h${round(box.width)}v${box.height}h${-round(box.width)}z`;
    return kinds.map((kind) =>
      draw("path", {
        class: `box far ${kind}`,
        d: boxes
          .filter((box) => box.kind === kind)
          .map(outline)
          .join(""),
      }),
    );
  }

  box(box) {
    const isOutput = !box.isFold && box.node.name === this.graph.output;
    const kind = `box ${box.kind}${isOutput ? " output" : ""}${box.name === this.selected ? " selected" : ""}`;
    const fits = (text) => shortened(text, Math.floor((box.width - 12) / BOX.character));
    const inside = box.inside.slice(0, BOX.mostLines);
    if (box.inside.length > inside.length) inside.push(`… ${count(box.inside.length - inside.length, "more line")}`);
    const left = round(-box.width / 2 + 8);
    return draw(
      "g",
      { class: kind, transform: `translate(${round(box.x)} ${round(box.y)})`, "data-box": box.name },
      draw("rect", {
        x: round(-box.width / 2),
        y: 0,
        width: round(box.width),
        height: box.height,
        rx: box.kind === "parameter" ? 16 : 5,
      }),
      draw("text", { class: "name", y: 18 }, fits(box.title)),
      draw("text", { class: "value", y: 33 }, fits(box.words)),
      inside.map((line, i) => draw("text", { class: "inner", x: left, y: 52 + i * BOX.line }, fits(line))),
    );
  }

  /** What was said about the output, under it; it flows back along the marked edges. */
  feedbackBox() {
    const output = this.placeOf.get(this.graph.output);
    if (!this.feedback || !output) return null;
    const y = output.y + output.height;
    const words = shortened(firstLine(this.feedback), 60);
    const width = 20 + words.length * BOX.character;
    return draw(
      "g",
      { class: "said-back", transform: `translate(${round(output.x)} ${round(y)})` },
      draw("path", { class: "edge fed", d: "M0 26V3M-3.5 10L0 3L3.5 10" }),
      draw("rect", { x: round(-width / 2), y: 26, width: round(width), height: 26, rx: 13 }),
      draw("text", { y: 43 }, words),
      draw("title", {}, this.feedback),
    );
  }

  listen() {
    this.svg.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const frame = this.svg.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - frame.left, event.clientY - frame.top);
      },
      { passive: false },
    );
    this.svg.addEventListener("pointerdown", (event) => this.grab(event));
    this.svg.addEventListener("pointermove", (event) => this.hover(event));
    this.svg.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.schedule()).observe(this.svg);
  }

  grab(start) {
    const from = { x: start.clientX - this.at.x, y: start.clientY - this.at.y };
    let isMoved = false;
    const move = (event) => {
      if (!isMoved && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < 4) return;
      isMoved = true;
      this.at = { x: event.clientX - from.x, y: event.clientY - from.y };
      this.schedule();
    };
    const end = (event) => {
      this.svg.removeEventListener("pointermove", move);
      if (!isMoved && event.type === "pointerup") this.click(start);
    };
    this.svg.setPointerCapture(start.pointerId);
    this.svg.addEventListener("pointermove", move);
    this.svg.addEventListener("pointerup", end, { once: true });
    this.svg.addEventListener("pointercancel", end, { once: true });
  }

  boxAt(event) {
    const frame = this.svg.getBoundingClientRect();
    const x = (event.clientX - frame.left - this.at.x) / this.scale;
    const y = (event.clientY - frame.top - this.at.y) / this.scale;
    return this.boxes.find((box) => Math.abs(x - box.x) <= box.width / 2 && y >= box.y && y <= box.y + box.height);
  }

  click(event) {
    const box = this.boxAt(event);
    if (!box) return;
    if (this.selected === box.name || box.isFold) this.open(box);
    else this.select(box);
  }

  hover(event) {
    const box = event.buttons ? null : this.boxAt(event);
    this.tip.hidden = !box;
    if (!box) return;
    const said = box.isFold ? [box.words, ""] : [box.node.text, shortened(box.node.value, 600)];
    this.tip.replaceChildren(
      make("b", {}, box.title),
      said[0] ? make("code", {}, said[0]) : "",
      make("pre", {}, said[1]),
    );
    const frame = this.element.getBoundingClientRect();
    this.tip.style.left = `${Math.max(4, Math.min(event.clientX - frame.left + 14, frame.width - this.tip.offsetWidth - 8))}px`;
    this.tip.style.top = `${event.clientY - frame.top + 16}px`;
  }

  select(box) {
    this.selected = box.name;
    this.drawn = null;
    this.reveal(box);
    if (!box.isFold) this.onSelect(box.node);
    this.svg.setAttribute(
      "aria-label",
      box.isFold ? `${box.title} ${box.words}` : `${box.node.name}: ${shortened(box.node.value, 200)}`,
    );
  }

  /** Opens a fold, or opens or closes a bundle. */
  open(box) {
    if (box.isFold) this.openFolds.add(box.name);
    else if (box.node.inside?.length) this.openBundles[this.openBundles.has(box.name) ? "delete" : "add"](box.name);
    else return;
    const anchor = box.nodes[0];
    const before = { x: box.x, y: box.y };
    this.arrange();
    const after = this.placeOf.get(this.graph.nodes[anchor].name); // what was clicked stays under the pointer
    this.at = { x: this.at.x + (before.x - after.x) * this.scale, y: this.at.y + (before.y - after.y) * this.scale };
    if (!box.isFold) this.onSelect(box.node);
  }

  toggleAll() {
    this.showAll = !this.showAll;
    this.openFolds.clear();
    this.everything.textContent = this.showAll ? "Fold" : "Show all";
    this.arrange();
    this.fit();
  }

  search(words, step = 0) {
    const wanted = words.trim().toLowerCase();
    const found = wanted ? this.graph.nodes.filter((node) => node.name.toLowerCase().includes(wanted)) : [];
    this.found = step && found.length ? ((this.found ?? 0) + step) % found.length : 0;
    this.note.textContent = wanted
      ? found.length
        ? `${this.found + 1} of ${found.length}`
        : "no such node"
      : this.summary();
    if (found.length) this.choose(found[this.found].name);
  }

  /** Selects a node by name, out of its fold if need be. */
  choose(name) {
    let box = this.placeOf.get(name);
    if (box?.isFold) {
      this.openFolds.add(box.name);
      this.arrange();
      box = this.placeOf.get(name);
    }
    if (box) this.select(box);
  }

  reveal(box) {
    const { clientWidth, clientHeight } = this.svg;
    if (this.scale < WORDS_FROM) this.zoom((WORDS_FROM + 0.2) / this.scale);
    const x = this.at.x + box.x * this.scale;
    const y = this.at.y + (box.y + box.height / 2) * this.scale;
    if (x < 60 || x > clientWidth - 60) this.at.x = clientWidth / 2 - box.x * this.scale;
    if (y < 40 || y > clientHeight - 40) this.at.y = clientHeight / 2 - (box.y + box.height / 2) * this.scale;
    this.schedule();
  }

  zoom(factor, x = this.svg.clientWidth / 2, y = this.svg.clientHeight / 2) {
    const scale = Math.max(0.01, Math.min(3, this.scale * factor));
    this.at = { x: x - ((x - this.at.x) * scale) / this.scale, y: y - ((y - this.at.y) * scale) / this.scale };
    this.scale = scale;
    this.schedule();
  }

  /** The whole graph, or, where it would be too small to read, its output. */
  begin() {
    this.fit();
    const output = this.placeOf.get(this.graph.output);
    if (this.scale < WORDS_FROM && output) this.reveal(output);
  }

  fit() {
    const { clientWidth, clientHeight } = this.svg;
    this.scale = Math.max(
      0.01,
      Math.min(1, (clientWidth - 40) / this.size.width, (clientHeight - 30) / this.size.height),
    );
    this.at = { x: (clientWidth - this.size.width * this.scale) / 2, y: 14 };
    this.schedule();
  }

  /** Arrows walk along edges and layers; enter opens; + - and 0 zoom. */
  key(event) {
    const box = this.boxes.find((one) => one.name === this.selected) ?? this.placeOf.get(this.graph.output);
    const index = this.boxes.indexOf(box);
    const inRow = this.boxes.filter((one) => one.y === box?.y).sort((a, b) => a.x - b.x);
    const moves = {
      ArrowUp: () => this.boxes[box.parents[0]],
      ArrowDown: () => this.boxes.find((one) => one.parents.includes(index)),
      ArrowLeft: () => inRow[inRow.indexOf(box) - 1],
      ArrowRight: () => inRow[inRow.indexOf(box) + 1],
    };
    const actions = {
      Enter: () => this.open(box),
      "+": () => this.zoom(1.3),
      "-": () => this.zoom(1 / 1.3),
      0: () => this.fit(),
    };
    if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.select((this.selected && moves[event.key]()) || box);
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function contains(outer, inner) {
  return (
    inner.left >= outer.left &&
    inner.top >= outer.top &&
    inner.left + inner.width <= outer.left + outer.width &&
    inner.top + inner.height <= outer.top + outer.height
  );
}

function legend() {
  const kinds = [
    ["parameter", "parameter"],
    ["input", "input"],
    ["operation", "operation"],
    ["failure", "failed"],
    ["fold", "folded"],
    ["fed", "way of the feedback back"],
  ];
  return make(
    "div",
    { class: "legend" },
    kinds.map(([kind, words]) => make("span", {}, make("i", { class: kind }), words)),
  );
}
