// One thing of a run, whole: a step, a candidate, two candidates compared, an evaluation, an exchange.

/** One proposal: what changed, why, what it cost, and whether it helped. */
function stepView(run, number) {
  const step = run.steps[number - 1];
  if (!step) return [missing("step", number)];
  const neighbours = make("p", { class: "neighbours" }, number > 1 ? link([run.number, "step", number - 1], "← previous") : "", " ", number < run.steps.length ? link([run.number, "step", number + 1], "next →") : "");
  const asked = step.exchanges.length ? section(step.exchanges.length === 1 ? "The exchange" : "The exchanges", step.exchanges.map((one) => exchangeOpening(run, one))) : null;
  if (step.candidate === null) {
    return [make("h1", {}, `Step ${number}: refused`), neighbours, section("Why it could not be used", block(step.problem)), facts([["asking took", step.spent.calls ? paid(step.spent) : ""]]), asked];
  }
  const child = run.byId.get(step.candidate);
  const parent = run.byId.get(step.parents[0]);
  const first = step.gains[0];
  const names = step.changed.map((name, i) => [i ? ", " : "", make("code", {}, name)]);
  const outcome = first ? make("p", { class: `verdict ${verdictKind(first.verdict)}` }, `On ${first.split}: ${first.verdict}.`) : make("p", { class: "verdict unsure" }, "It was not measured on instances that its parent was measured on.");
  return [
    make("h1", {}, `Step ${number}: `, "changed ", names.length ? names : "nothing"),
    neighbours,
    make("p", {}, parent ? ["from ", link([run.number, "candidate", parent.candidate], `candidate ${parent.candidate}`), " to "] : "", link([run.number, "candidate", child.candidate], `candidate ${child.candidate}`), child.candidate === run.best ? " ★ the best of the run" : "", `, by ${child.origin || "an unnamed proposer"}`),
    outcome,
    child.candidate === run.best && run.verdict ? make("p", { class: `verdict ${verdictKind(run.verdict)}` }, `All steps from the start to here, on test: ${run.verdict}.`) : null,
    child.reasoning ? section("Why", make("blockquote", {}, child.reasoning)) : null,
    section("What it cost", facts([["asking for it", step.spent.calls ? paid(step.spent) : "no model was asked"], ["measuring it", measuringCost(child)]])),
    section("Before and after", gainsTable(step.gains), movedInstances(run, parent, child)),
    section("The change", changesView(run, parent, child)),
    asked,
  ];
}

function measuringCost(candidate) {
  const total = {};
  for (const one of candidate.evaluations) for (const [name, amount] of Object.entries(one.cost)) total[name] = (total[name] ?? 0) + Number(amount);
  const { seconds, ...others } = total;
  const parts = Object.entries(others).filter(([, amount]) => amount).map(([name, amount]) => `${figure(amount)} ${name.replaceAll("_", " ")}`);
  return [count(candidate.evaluations.length, "evaluation"), ...parts, seconds === undefined ? "" : duration(seconds)].filter(Boolean).join(", ");
}

function gainsTable(gains) {
  if (!gains.length) return make("p", { class: "muted" }, "Nothing to compare.");
  return table(["split", "before", "after", "gain, paired, 95 % interval", "instances"], gains.map((gain) => [
    gain.split, figure(gain.before), figure(gain.after), make("span", { class: `verdict ${verdictKind(gain.verdict)}` }, gain.verdict), String(gain.difference.count),
  ]));
}

/** The instances on which the score moved, with both evaluations. */
function movedInstances(run, parent, child) {
  if (!parent) return null;
  const before = new Map(parent.evaluations.map((one, i) => [one.instance, [one, i]]));
  const moved = child.evaluations.flatMap((one, i) => {
    const old = before.get(one.instance);
    return old && old[0].score !== one.score ? [[one, i, ...old]] : [];
  });
  if (!moved.length) return null;
  const by = moved.map(([now, , old]) => Number(now.score) - Number(old.score));
  const words = `better on ${by.filter((d) => d > 0).length}, worse on ${by.filter((d) => d < 0).length} of the instances measured with both`;
  return opening(words, () => longTable(["instance", "split", "before", "after"], moved.map(([now, i, old, j]) => [
    now.instance, now.split, link([run.number, "evaluation", parent.candidate, j], figure(old.score)), link([run.number, "evaluation", child.candidate, i], figure(now.score)),
  ])), { open: moved.length <= 12 });
}

function stepsView(run) {
  return [make("h1", {}, "Steps"), make("p", { class: "muted" }, "A step is one proposal: what was changed, why, and what came of it."), stepsSection(run) ?? make("p", {}, "Nothing was proposed.")];
}

function candidatesView(run) {
  const rows = run.candidates.map((one) => [
    link([run.number, "candidate", one.candidate], `${one.candidate}${one.candidate === run.best ? " ★" : ""}`),
    one.parents.join(", "),
    ...["train", "dev", "test"].map((split) => figure(one.means[split])),
    one.origin,
    shortened(one.changed.map((name) => `${name} = ${one.values[name].split(/\s+/).join(" ")}`).join("; "), 160),
  ]);
  return [make("h1", {}, "Candidates"), longTable(["candidate", "from", "train", "dev", "test", "made by", "changes"], rows), lineageSection(run)];
}

function candidateView(run, id) {
  const candidate = run.byId.get(id);
  if (!candidate) return [missing("candidate", id)];
  const parent = run.byId.get(candidate.parents[0]);
  const values = Object.entries(candidate.values).map(([name, value]) => {
    const isLong = value.length > 60 || value.includes("\n");
    return isLong ? opening(make("code", {}, name), () => block(value, run.kinds.get(name) === "code" ? "lines" : "words"), { open: !parent }) : facts([[name, value]]);
  });
  const kin = run.children(id);
  return [
    make("h1", {}, `Candidate ${id}${id === run.best ? " ★" : ""}`),
    facts([
      ["made by", candidate.origin],
      ["from", candidate.parents.length ? candidate.parents.map((one) => [link([run.number, "candidate", one], String(one)), " "]) : ""],
      ["at", candidate.step ? link([run.number, "step", candidate.step], `step ${candidate.step}`) : ""],
      ["made from it", kin.length ? kin.map((one) => [link([run.number, "candidate", one.candidate], String(one.candidate)), " "]) : ""],
      ...["train", "dev", "test"].map((split) => [split, candidate.means[split] === null ? "" : figure(candidate.means[split])]),
      ["measuring took", measuringCost(candidate)],
    ]),
    candidate.reasoning ? section("Why", make("blockquote", {}, candidate.reasoning)) : null,
    parent ? section(`Changes against candidate ${parent.candidate}`, changesView(run, parent, candidate)) : null,
    section("Values", values),
    section("Measurements", evaluationsTable(run, candidate)),
  ];
}

function evaluationsTable(run, candidate) {
  if (!candidate.evaluations.length) return make("p", { class: "muted" }, "It was not measured.");
  return longTable(["instance", "split", "status", "score", "took"], candidate.evaluations.map((one, position) => [
    link([run.number, "evaluation", candidate.candidate, position], one.instance), one.split, one.status, figure(one.score), one.cost.seconds === undefined ? "" : duration(one.cost.seconds),
  ]));
}

/** Any two candidates, chosen here, and how each parameter differs. */
function compareView(run, first, second) {
  const choice = (chosen, label) => make("select", { "aria-label": label, change: () => (location.hash = address([run.number, "compare", from.value, to.value])) },
    run.candidates.map((one) => make("option", { value: one.candidate, selected: one.candidate === chosen }, `${one.candidate}${one.candidate === run.best ? " ★" : ""} ${run.compared_split} ${figure(one.means[run.compared_split])}`)));
  const from = choice(first, "from");
  const to = choice(second, "to");
  const [a, b] = [run.byId.get(first), run.byId.get(second)];
  if (!a || !b) return [missing("candidate", a ? second : first)];
  return [make("h1", {}, "Compare"), make("p", { class: "choices" }, make("label", {}, "from ", from), make("label", {}, " to ", to)), changesView(run, a, b), movedInstances(run, a, b)];
}

/** A candidate on an instance: its graph, what came out, what was said, and what the models said. */
async function evaluationView(run, id, position) {
  const candidate = run.byId.get(id);
  const one = candidate?.evaluations[position];
  if (!one) return [missing("evaluation", `${id}/${position}`)];
  const bulk = await run.evaluationPiece(id, position);
  const feedback = [one.score === null ? "" : `score ${figure(one.score)}`, bulk.feedback].filter(Boolean).join(": ");
  const asked = run.exchanges.filter((e) => e.where.candidate === String(id) && e.where.instance === one.instance);
  const step = (by, words) => (candidate.evaluations[position + by] ? link([run.number, "evaluation", id, position + by], words) : "");
  const objectives = Object.entries(one.objectives).map(([name, value]) => `${name} ${figure(value)}`).join(", ");
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
    section("Feedback", bulk.feedback ? findings(bulk.feedback) : make("p", { class: "muted" }, "No words, only the score."), Object.entries(bulk.channels).map(([name, said]) => opening(name, () => block(said)))),
    section("Output", block(bulk.output || "(nothing)")),
    graphSection(bulk.graph, feedback),
    asked.length ? section("What models said", asked.map((e) => exchangeOpening(run, e.exchange))) : null,
  ];
}

/** Words of feedback, lines that tell of a proof or of something broken marked as such. */
function findings(text) {
  const kind = (line) => {
    if (/\b(infeasible|unbounded|violat\w+|not the answer|wrong|failed|error|cannot hold|unproven)\b/i.test(line)) return "bad";
    return /\b(certified|proved|checked|right|correct|equals the reference)\b/i.test(line) ? "good" : "";
  };
  return make("pre", { class: "findings", tabindex: "0" }, text.split("\n").map((line) => make("span", { class: kind(line) }, `${line}\n`)));
}

function graphSection(graph, feedback) {
  if (!graph?.nodes?.length) return section("Graph", make("p", { class: "muted" }, "The record holds no graph of this evaluation."));
  const about = make("div", { class: "node-about" }, make("p", { class: "muted" }, "Choose a node to see its value and where it comes from. Arrows walk, enter opens, + − 0 zoom."));
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
    facts([["computed from", node.parents.length ? node.parents.map(jump) : ""], ["used by", uses.length ? uses.slice(0, 30).map((other) => jump(other.name)) : ""]]),
    make("h4", {}, node.kind === "failure" ? "Failure" : "Value"),
    block(node.value, node.kind === "failure" ? "bad" : ""),
    node.inside.length ? [make("h4", {}, "Inside"), insideTree(node.inside)] : null,
    view.fed.has(node.name) && feedback ? [make("h4", {}, isOutput ? "Feedback" : "Feedback that reaches it"), block(feedback)] : null,
  ].flat().filter(Boolean);
}

/** The operations in a bundle's body; what is in bundles in it opens. Depth is told by four spaces each. */
function insideTree(lines) {
  const depth = (line) => Math.floor((line.length - line.trimStart().length) / 4);
  const list = make("ul", { class: "inside" });
  for (let i = 0; i < lines.length; ) {
    let end = i + 1;
    while (end < lines.length && depth(lines[end]) > depth(lines[i])) end++;
    const own = make("code", {}, lines[i].trim());
    const inner = lines.slice(i + 1, end);
    list.append(make("li", {}, inner.length ? opening(own, () => insideTree(inner)) : own));
    i = end;
  }
  return list;
}

function exchangesView(run) {
  if (!run.exchanges.length) return [make("h1", {}, "Exchanges"), make("p", {}, "No model was asked.")];
  const rows = (words) => run.exchanges.filter((one) => !words || `${one.role} ${Object.values(one.where).join(" ")} ${one.begins}`.toLowerCase().includes(words)).map((one) => [
    link([run.number, "exchange", one.exchange], String(one.exchange)),
    one.role,
    Object.entries(one.where).map(([name, value]) => `${name} ${value}`).join(", "),
    one.failed ? make("b", { class: "bad" }, "no reply") : tokens(one),
    dollars(one.cost_usd),
    duration(one.seconds),
    shortened(one.begins, 90),
  ]);
  const heads = ["exchange", "role", "for", "tokens", "cost", "took", "asked"];
  const place = make("div", {}, longTable(heads, rows("")));
  const search = make("input", { type: "search", class: "search", placeholder: "search ( / )", "aria-label": "search exchanges" });
  search.addEventListener("input", () => place.replaceChildren(longTable(heads, rows(search.value.trim().toLowerCase()))));
  return [make("h1", {}, "Exchanges with models"), search, place];
}

function exchangeOpening(run, number) {
  const one = run.exchanges[number];
  const words = [`exchange ${number}`, one.role, tokens(one), dollars(one.cost_usd), duration(one.seconds)].filter(Boolean).join(" · ");
  return opening(words, async () => exchangeBody(await run.exchangePiece(number)));
}

function exchangeBody(bulk) {
  return [...bulk.messages.map(([role, text]) => [make("h3", {}, role), block(text, "words")]).flat(), make("h3", {}, bulk.error ? "failed" : "reply"), block(bulk.error || bulk.reply, "words")];
}

async function exchangeView(run, number) {
  const one = run.exchanges[number];
  if (!one) return [missing("exchange", number)];
  const to = (n, words) => (run.exchanges[n] ? link([run.number, "exchange", n], words) : "");
  return [
    make("h1", {}, `Exchange ${number}`),
    make("p", { class: "neighbours" }, to(number - 1, "← previous"), " ", to(number + 1, "next →")),
    facts([["role", one.role], ["for", Object.entries(one.where).map(([name, value]) => `${name} ${value}`).join(", ")], ["model", one.model], ["tokens", tokens(one)], ["cost", dollars(one.cost_usd)], ["took", duration(one.seconds)]]),
    ...exchangeBody(await run.exchangePiece(number)),
  ];
}

function missing(what, id) {
  return make("p", {}, `There is no ${what} ${id} in this run.`);
}
