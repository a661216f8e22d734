// One thing of a run, whole: a step, a candidate, two candidates compared.

/** One proposal: what changed, why, what it cost, and whether it helped. */
function stepView(run, number) {
  const step = run.steps[number - 1];
  if (!step) return [missing("step", number)];
  const neighbours = make(
    "p",
    { class: "neighbours" },
    number > 1 ? link([run.number, "step", number - 1], "← previous") : "",
    " ",
    number < run.steps.length ? link([run.number, "step", number + 1], "next →") : "",
  );
  const asked = step.exchanges.length
    ? section(
        step.exchanges.length === 1 ? "The exchange" : "The exchanges",
        step.exchanges.map((one) => exchangeOpening(run, one)),
      )
    : null;
  if (step.candidate === null) {
    return [
      make("h1", {}, `Step ${number}: refused`),
      neighbours,
      section("Why it could not be used", block(step.problem)),
      facts([["asking took", step.spent.calls ? paid(step.spent) : ""]]),
      asked,
    ];
  }
  const child = run.byId.get(step.candidate);
  const parent = run.byId.get(step.parents[0]);
  const first = step.gains[0];
  const names = step.changed.map((name, i) => [i ? ", " : "", make("code", {}, name)]);
  const outcome = first
    ? make("p", { class: `verdict ${verdictKind(first.verdict)}` }, `On ${first.split}: ${first.verdict}.`)
    : make("p", { class: "verdict unsure" }, "It was not measured on instances that its parent was measured on.");
  return [
    make("h1", {}, `Step ${number}: `, "changed ", names.length ? names : "nothing"),
    neighbours,
    make(
      "p",
      {},
      parent
        ? ["from ", link([run.number, "candidate", parent.candidate], `candidate ${parent.candidate}`), " to "]
        : "",
      link([run.number, "candidate", child.candidate], `candidate ${child.candidate}`),
      child.candidate === run.best ? " ★ the best of the run" : "",
      `, by ${child.origin || "an unnamed proposer"}`,
    ),
    outcome,
    child.candidate === run.best && run.verdict
      ? make(
          "p",
          { class: `verdict ${verdictKind(run.verdict)}` },
          `All steps from the start to here, on test: ${run.verdict}.`,
        )
      : null,
    child.reasoning ? section("Why", make("blockquote", {}, child.reasoning)) : null,
    section(
      "What it cost",
      facts([
        ["asking for it", step.spent.calls ? paid(step.spent) : "no model was asked"],
        ["measuring it", measuringCost(child)],
      ]),
    ),
    section("Before and after", gainsTable(step.gains), movedInstances(run, parent, child)),
    section("The change", changesView(run, parent, child)),
    asked,
  ];
}

function measuringCost(candidate) {
  const total = {};
  for (const one of candidate.evaluations)
    for (const [name, amount] of Object.entries(one.cost)) total[name] = (total[name] ?? 0) + Number(amount);
  const { seconds, ...others } = total;
  const parts = Object.entries(others)
    .filter(([, amount]) => amount)
    .map(([name, amount]) => `${figure(amount)} ${name.replaceAll("_", " ")}`);
  return [count(candidate.evaluations.length, "evaluation"), ...parts, seconds === undefined ? "" : duration(seconds)]
    .filter(Boolean)
    .join(", ");
}

function gainsTable(gains) {
  if (!gains.length) return make("p", { class: "muted" }, "Nothing to compare.");
  return table(
    ["split", "before", "after", "gain, paired, 95 % interval", "instances"],
    gains.map((gain) => [
      gain.split,
      figure(gain.before),
      figure(gain.after),
      make("span", { class: `verdict ${verdictKind(gain.verdict)}` }, gain.verdict),
      String(gain.difference.count),
    ]),
  );
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
  return opening(
    words,
    () =>
      longTable(
        ["instance", "split", "before", "after"],
        moved.map(([now, i, old, j]) => [
          now.instance,
          now.split,
          link([run.number, "evaluation", parent.candidate, j], figure(old.score)),
          link([run.number, "evaluation", child.candidate, i], figure(now.score)),
        ]),
      ),
    { open: moved.length <= 12 },
  );
}

function stepsView(run) {
  return [
    make("h1", {}, "Steps"),
    make("p", { class: "muted" }, "A step is one proposal: what was changed, why, and what came of it."),
    stepsSection(run) ?? make("p", {}, "Nothing was proposed."),
  ];
}

function candidatesView(run) {
  const rows = run.candidates.map((one) => [
    link([run.number, "candidate", one.candidate], `${one.candidate}${one.candidate === run.best ? " ★" : ""}`),
    one.parents.join(", "),
    ...["train", "dev", "test"].map((split) => figure(one.means[split])),
    one.origin,
    shortened(one.changed.map((name) => `${name} = ${one.values[name].split(/\s+/).join(" ")}`).join("; "), 160),
  ]);
  return [
    make("h1", {}, "Candidates"),
    longTable(["candidate", "from", "train", "dev", "test", "made by", "changes"], rows),
    lineageSection(run),
  ];
}

function candidateView(run, id) {
  const candidate = run.byId.get(id);
  if (!candidate) return [missing("candidate", id)];
  const parent = run.byId.get(candidate.parents[0]);
  const values = Object.entries(candidate.values).map(([name, value]) => {
    const isLong = value.length > 60 || value.includes("\n");
    return isLong
      ? opening(make("code", {}, name), () => block(value, run.kinds.get(name) === "code" ? "lines" : "words"), {
          open: !parent,
        })
      : facts([[name, value]]);
  });
  const kin = run.children(id);
  return [
    make("h1", {}, `Candidate ${id}${id === run.best ? " ★" : ""}`),
    facts([
      ["made by", candidate.origin],
      [
        "from",
        candidate.parents.length
          ? candidate.parents.map((one) => [link([run.number, "candidate", one], String(one)), " "])
          : "",
      ],
      ["at", candidate.step ? link([run.number, "step", candidate.step], `step ${candidate.step}`) : ""],
      [
        "made from it",
        kin.length
          ? kin.map((one) => [link([run.number, "candidate", one.candidate], String(one.candidate)), " "])
          : "",
      ],
      ...["train", "dev", "test"].map((split) => [
        split,
        candidate.means[split] === null ? "" : figure(candidate.means[split]),
      ]),
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
  return longTable(
    ["instance", "split", "status", "score", "took"],
    candidate.evaluations.map((one, position) => [
      link([run.number, "evaluation", candidate.candidate, position], one.instance),
      one.split,
      one.status,
      figure(one.score),
      one.cost.seconds === undefined ? "" : duration(one.cost.seconds),
    ]),
  );
}

/** Any two candidates, chosen here, and how each parameter differs. */
function compareView(run, first, second) {
  const choice = (chosen, label) =>
    make(
      "select",
      { "aria-label": label, change: () => (location.hash = address([run.number, "compare", from.value, to.value])) },
      run.candidates.map((one) =>
        make(
          "option",
          { value: one.candidate, selected: one.candidate === chosen },
          `${one.candidate}${one.candidate === run.best ? " ★" : ""} ${run.compared_split} ${figure(one.means[run.compared_split])}`,
        ),
      ),
    );
  const from = choice(first, "from");
  const to = choice(second, "to");
  const [a, b] = [run.byId.get(first), run.byId.get(second)];
  if (!a || !b) return [missing("candidate", a ? second : first)];
  return [
    make("h1", {}, "Compare"),
    make("p", { class: "choices" }, make("label", {}, "from ", from), make("label", {}, " to ", to)),
    changesView(run, a, b),
    movedInstances(run, a, b),
  ];
}

function missing(what, id) {
  return make("p", {}, `There is no ${what} ${id} in this run.`);
}
