// A candidate on an instance: what came out, what was said about it, and its graph, node by node.

/** A candidate on an instance: its graph, what came out, what was said, and what the models said. */
async function evaluationView(run, id, position) {
  const candidate = run.byId.get(id);
  const one = candidate?.evaluations[position];
  if (!one) return [missing("evaluation", `${id}/${position}`)];
  const bulk = await run.evaluationPiece(id, position);
  const feedback = [one.score === null ? "" : `score ${figure(one.score)}`, bulk.feedback].filter(Boolean).join(": ");
  const asked = run.exchanges.filter((e) => e.where.candidate === String(id) && e.where.instance === one.instance);
  const step = (by, words) =>
    candidate.evaluations[position + by] ? link([run.number, "evaluation", id, position + by], words) : "";
  const objectives = Object.entries(one.objectives)
    .map(([name, value]) => `${name} ${figure(value)}`)
    .join(", ");
  return [
    make("h1", {}, one.instance),
    make("p", { class: "neighbours" }, step(-1, "← previous"), " ", step(1, "next →")),
    facts([
      ["candidate", link([run.number, "candidate", id], String(id))],
      ["split", one.split],
      ["status", one.status === "ok" ? "ok" : make("b", { class: "bad" }, one.status)],
      ["score", figure(one.score)],
      ["objectives", objectives],
      ["took", measuringCost({ evaluations: [one] }).replace(/^1 evaluation,? ?/, "")],
    ]),
    section(
      "Feedback",
      bulk.feedback ? findings(bulk.feedback) : make("p", { class: "muted" }, "No words, only the score."),
      Object.entries(bulk.channels).map(([name, said]) => opening(name, () => block(said))),
    ),
    section("Output", block(bulk.output || "(nothing)")),
    graphSection(bulk.graph, feedback),
    asked.length
      ? section(
          "What models said",
          asked.map((e) => exchangeOpening(run, e.exchange)),
        )
      : null,
  ];
}

/** Words of feedback, lines that tell of a proof or of something broken marked as such. */
function findings(text) {
  const kind = (line) => {
    if (/\b(infeasible|unbounded|violat\w+|not the answer|wrong|failed|error|cannot hold|unproven)\b/i.test(line))
      return "bad";
    return /\b(certified|proved|checked|right|correct|equals the reference)\b/i.test(line) ? "good" : "";
  };
  return make(
    "pre",
    { class: "findings", tabindex: "0" },
    text.split("\n").map((line) => make("span", { class: kind(line) }, `${line}\n`)),
  );
}

function graphSection(graph, feedback) {
  if (!graph?.nodes?.length)
    return section("Graph", make("p", { class: "muted" }, "The record holds no graph of this evaluation."));
  const about = make(
    "div",
    { class: "node-about" },
    make(
      "p",
      { class: "muted" },
      "Choose a node to see its value and where it comes from. Arrows walk, enter opens, + − 0 zoom.",
    ),
  );
  const readable = { ...graph, nodes: graph.nodes.map(readNode) };
  const view = new GraphView(readable, feedback, (node) => about.replaceChildren(...nodeAbout(view, node, feedback)));
  return section("Graph", view.element, about);
}

/** A node with every field there and of its kind; a record may lack or distort them. */
function readNode(node) {
  const texts = Object.fromEntries(["name", "kind", "text", "value"].map((name) => [name, String(node?.[name] ?? "")]));
  const list = (name) => (Array.isArray(node?.[name]) ? node[name].map(String) : []);
  return { ...texts, parents: list("parents"), inside: list("inside") };
}

function nodeAbout(view, node, feedback) {
  const jump = (name) => make("button", { class: "jump", click: () => view.choose(name) }, name);
  const uses = view.graph.nodes.filter((other) => other.parents.includes(node.name));
  const isOutput = node.name === view.graph.output;
  return [
    make("h3", {}, node.name, make("span", { class: "muted" }, ` ${node.kind}${isOutput ? ", the output" : ""}`)),
    node.text ? block(`${node.name} = ${node.text}`, "lines") : null,
    facts([
      ["computed from", node.parents.length ? node.parents.map(jump) : ""],
      ["used by", uses.length ? uses.slice(0, 30).map((other) => jump(other.name)) : ""],
    ]),
    make("h4", {}, node.kind === "failure" ? "Failure" : "Value"),
    block(node.value, node.kind === "failure" ? "bad" : ""),
    node.inside.length ? [make("h4", {}, "Inside"), insideTree(node.inside)] : null,
    view.fed.has(node.name) && feedback
      ? [make("h4", {}, isOutput ? "Feedback" : "Feedback that reaches it"), block(feedback)]
      : null,
  ]
    .flat()
    .filter(Boolean);
}

/** The operations in a bundle's body; what is in bundles in it opens. Depth is told by four spaces each. */
function insideTree(lines) {
  const depth = (line) => Math.floor((line.length - line.trimStart().length) / 4);
  const list = make("ul", { class: "inside" });
  for (let i = 0; i < lines.length;) {
    let end = i + 1;
    while (end < lines.length && depth(lines[end]) > depth(lines[i])) end++;
    const own = make("code", {}, lines[i].trim());
    const inner = lines.slice(i + 1, end);
    list.append(make("li", {}, inner.length ? opening(own, () => insideTree(inner)) : own));
    i = end;
  }
  return list;
}
