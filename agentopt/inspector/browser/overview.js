// A run at a glance: what it was, what came of it, what it cost, and whether that is real.

const MOST_IN_GRID = 40;

function overview(run) {
  const parts = [headline(run), runFacts(run), progressSection(run), stepsSection(run), repairSection(run)];
  return [...parts, objectivesSection(run), gridSection(run), lineageSection(run)];
}

/** The outcome in one sentence, with the verdict about noise. */
function headline(run) {
  const { test, dev } = run;
  const split = run.compared_split;
  const hasTest = test.start !== null && test.best !== null;
  const scores = hasTest
    ? ["On test ", make("b", {}, `${interval(test.start)} → ${interval(test.best)}`)]
    : [`On ${split} `, make("b", {}, `${figure(dev.start)} → ${figure(dev.best)}`)];
  const known = run.best !== null && dev.start !== null;
  const verdictWords = hasTest ? run.verdict : "no test split: how much of the gain is noise is unknown";
  return make(
    "div",
    { class: "headline" },
    make("p", { class: "muted" }, shortened(firstLine(run.objective), 200)),
    known
      ? make("p", { class: "outcome" }, scores)
      : make("p", { class: "outcome" }, run.is_finished ? "No result." : "Not finished."),
    known ? make("p", { class: `verdict ${verdictKind(run.verdict)}` }, verdictWords) : "",
    run.best === null
      ? ""
      : make(
          "p",
          {},
          "Best: ",
          link([run.number, "candidate", run.best], `candidate ${run.best}`),
          run.best === 0 ? " (the start)" : "",
          `, of ${run.candidates.length}. Stopped: ${run.stopped}.`,
        ),
    run.best === null ? make("p", {}, `Stopped: ${run.stopped}.`) : "",
  );
}

function verdictKind(words) {
  if (words.endsWith("a loss beyond noise")) return "bad";
  if (words.endsWith("beyond noise")) return "good";
  return "unsure";
}

function runFacts(run) {
  const evaluations = run.candidates.reduce((total, one) => total + one.evaluations.length, 0);
  const gap = run.test.best !== null && run.dev.best !== null ? figure(Number(run.dev.best) - run.test.best.mean) : "";
  const spent = Object.entries(run.spent).map(([role, one]) => [`${role} model`, paid(one)]);
  const sizes = Object.entries(run.instances)
    .map(([split, ids]) => `${split} ${ids.length}`)
    .join(", ");
  const pairs = [
    ["answered by", run.answered_by],
    ["measured", `${count(evaluations, "evaluation")} on instances of ${sizes}`],
    ...spent,
    ["time", duration(Number(run.seconds))],
    ["dev, start → best", `${figure(run.dev.start)} → ${figure(run.dev.best)}`],
    [
      "test gain",
      run.test.gain === null
        ? ""
        : `${interval(run.test.gain)}, paired, n = ${run.test.gain.count}, ${run.test.gain.method}`,
    ],
    ["dev − test of the best", gap],
    [
      "rates of the best",
      Object.entries(run.rates)
        .map(([name, rate]) => `${name} ${figure(rate)}`)
        .join(", "),
    ],
    ["run", `${run.run}, ${when(Number(run.started_at))}`],
  ];
  const more = opening("objective and settings", () => [
    block(run.objective || "(no objective was given)"),
    block(JSON.stringify(run.settings, null, 1)),
    facts(Object.entries(run.guarantees)),
  ]);
  return section("Facts", facts(pairs), more);
}

function progressSection(run) {
  const trials = trialsOf(run);
  const resources = ["evaluations", "model calls", "tokens", "USD", "seconds"].filter((name) =>
    trials.some((one) => one.spent[name] > 0),
  );
  const place = make("div");
  const choose = (resource) => place.replaceChildren(progressChart(run, trials, resource));
  const select = make(
    "select",
    { "aria-label": "against", change: () => choose(select.value) },
    resources.map((name) => make("option", { value: name }, name)),
  );
  choose(resources[0] ?? "evaluations");
  const marks = make(
    "p",
    { class: "muted" },
    `● dev · ○ train · ◆ test · line: best so far, on the whole of ${run.compared_split} · ringed: the best candidate`,
  );
  return section(
    "Progress",
    make("label", {}, "score against ", select),
    make("div", { class: "scroll" }, place),
    marks,
  );
}

function stepsSection(run) {
  if (!run.steps.length) return null;
  const rows = run.steps.map((step) => [
    link([run.number, "step", step.step], `step ${step.step}`),
    step.candidate === null
      ? "refused"
      : link(
          [run.number, "candidate", step.candidate],
          `${step.parents.join(", ")} → ${step.candidate}${step.candidate === run.best ? " ★" : ""}`,
        ),
    step.candidate === null ? shortened(firstLine(step.problem), 90) : step.changed.join(", "),
    step.gains.length
      ? make(
          "span",
          { class: "figures" },
          `${step.gains[0].split}: ${figure(step.gains[0].before)} → ${figure(step.gains[0].after)}`,
        )
      : "",
    step.gains.length
      ? make("span", { class: `verdict ${verdictKind(step.gains[0].verdict)}` }, step.gains[0].verdict)
      : "",
    step.spent.calls ? paid(step.spent) : "",
  ]);
  return section("Steps", longTable(["step", "candidate", "changes", "score", "gain", "asking took"], rows));
}

/** Of a run on optimization models: what each program's model came to on each data set, one repair after the other. */
function repairSection(run) {
  if (run.family !== "modeling") return null;
  const most = 30;
  const fill = async () => {
    const rows = [];
    for (const candidate of run.candidates.slice(0, most)) {
      for (const [position, one] of candidate.evaluations.entries()) {
        const bulk = await run.evaluationPiece(candidate.candidate, position);
        rows.push([
          link([run.number, "candidate", candidate.candidate], `candidate ${candidate.candidate}`),
          link([run.number, "evaluation", candidate.candidate, position], one.instance),
          make("span", { class: "figures" }, `${figure(one.score)} ${one.split}`),
          make("span", { class: solvedKind(one, bulk.output) }, firstLine(bulk.output) || one.status),
          bulk.feedback.includes(bulk.output) ? "" : firstLine(bulk.feedback),
        ]);
      }
    }
    return longTable(["program", "data", "score", "what the solver and the checks found", "feedback begins"], rows);
  };
  const program = run.parameters.find((one) => one.kind === "code")?.name;
  const best = run.byId.get(run.best);
  const formulation =
    best && program ? opening("formulation of the best candidate", () => block(best.values[program], "lines")) : null;
  return section(
    "Repair history",
    opening(`${count(Math.min(most, run.candidates.length), "program")}, in order`, fill, { open: true }),
    formulation,
  );
}

function solvedKind(evaluation, output) {
  if (evaluation.status !== "ok" || Number(evaluation.score) < 1) return "bad";
  return /unproven/.test(output) ? "unsure" : "good";
}

/** A table whose rows beyond the first hundred are made when they are asked for. */
function longTable(heads, rows, kind) {
  const most = 100;
  const first = table(heads, rows.slice(0, most), kind);
  if (rows.length <= most) return first;
  return make(
    "div",
    {},
    first,
    opening(`${rows.length - most} more`, () => table(heads, rows.slice(most), kind)),
  );
}

function objectivesSection(run) {
  const points = objectivesOf(run);
  const names = [...new Set(points.flatMap((one) => Object.keys(one.means)))];
  if (names.length < 2) return null;
  const place = make("div");
  const option = (name, chosen) => make("option", { value: name, selected: name === chosen }, name);
  const selects = [0, 1].map((i) =>
    make(
      "select",
      { "aria-label": i ? "up" : "right", change: () => choose() },
      names.map((name) => option(name, names[i])),
    ),
  );
  const choose = () => place.replaceChildren(paretoChart(run, points, selects[0].value, selects[1].value));
  choose();
  return section(
    "Objectives",
    make("label", {}, "right ", selects[0]),
    make("label", {}, " up ", selects[1]),
    place,
    make("p", { class: "muted" }, "Higher is better in each; the line joins candidates that no other beats in both."),
  );
}

/** Scores of instances by candidate, each leading to the evaluation. */
function gridSection(run) {
  const shown =
    run.candidates.length <= MOST_IN_GRID
      ? run.candidates
      : [...run.candidates.slice(0, MOST_IN_GRID / 2), ...run.candidates.slice(-MOST_IN_GRID / 2)];
  const instances = new Map();
  for (const candidate of shown) {
    candidate.evaluations.forEach((one, position) => {
      const row = instances.get(one.instance) ?? { split: one.split, cells: new Map() };
      row.cells.set(candidate.candidate, [one, position]);
      instances.set(one.instance, row);
    });
  }
  if (!instances.size) return null;
  const scores = [...instances.values()]
    .flatMap((row) => [...row.cells.values()].map(([one]) => Number(one.score)))
    .filter(Number.isFinite);
  const range = minmax(scores);
  const rows = () =>
    [...instances].map(([instance, row]) => [
      make("span", {}, instance, make("span", { class: "muted" }, ` ${row.split}`)),
      ...shown.map((candidate) => gridCell(run, candidate, row.cells.get(candidate.candidate), range)),
    ]);
  const heads = ["instance", ...shown.map((one) => String(one.candidate))];
  const left = run.candidates.length - shown.length;
  const note = left ? make("p", { class: "muted" }, `${left} candidates in the middle are not in this table.`) : null;
  return section(
    "Every measurement",
    opening(
      `${count(instances.size, "instance")} × ${count(shown.length, "candidate")}`,
      () => [note, longTable(heads, rows(), "grid")].filter(Boolean),
      { open: instances.size <= 60 },
    ),
  );
}

function gridCell(run, candidate, found, [least, most]) {
  if (!found) return "";
  const [one, position] = found;
  const words = one.status === "ok" ? figure(one.score) : one.status;
  const cell = link([run.number, "evaluation", candidate.candidate, position], words);
  const share = most > least && Number.isFinite(Number(one.score)) ? (Number(one.score) - least) / (most - least) : 0.5;
  cell.className = one.status === "ok" && one.score !== null ? "cell" : "cell failed";
  cell.style.setProperty("--share", share.toFixed(2));
  return cell;
}

function lineageSection(run) {
  return run.candidates.length > 1
    ? section("Lineage", make("p", { class: "muted" }, "The fuller, the better; ringed: the best."), lineageChart(run))
    : null;
}
