// Pictures of a run: scores against what was spent, trade-offs between objectives, and who came from whom.

const WIDTH = 720;
const HEIGHT = 240;
const LEFT = 56;
const BOTTOM = 34;
const TOP = 14;

/** A candidate measured on a split, at the moment its last measurement there was written. */
function trialsOf(run) {
  const events = run.exchanges.map((one) => ({ ...one, isExchange: true }));
  for (const candidate of run.candidates) {
    for (const one of candidate.evaluations) events.push({ ...one, candidate: candidate.candidate });
  }
  events.sort((a, b) => a.serial - b.serial);
  const spent = { evaluations: 0, "model calls": 0, tokens: 0, USD: 0, seconds: 0 };
  const trials = new Map();
  for (const event of events) {
    spent.seconds = Number(event.time) - Number(run.started_at);
    if (event.isExchange) {
      spent["model calls"] += 1;
      spent.tokens += event.prompt_tokens + event.completion_tokens;
      spent.USD += event.cost_usd;
    } else {
      spent.evaluations += 1;
      const key = `${event.candidate}/${event.split}`;
      const trial = trials.get(key) ?? { candidate: event.candidate, split: event.split, scores: new Map() };
      if (event.score !== null) trial.scores.set(event.instance, Number(event.score));
      trials.set(key, { ...trial, spent: { ...spent } });
    }
  }
  return [...trials.values()].map((trial) => ({ ...trial, mean: meanOf([...trial.scores.values()]) }));
}

function meanOf(values) {
  return values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;
}

/** Scores against a resource: every trial, and the best so far on the split that candidates are compared on. */
function progressChart(run, trials, resource) {
  const shown = trials.filter((one) => one.mean !== null && Number.isFinite(one.mean));
  if (!shown.length) return make("p", { class: "muted" }, "Nothing has a score.");
  const axes = axesOf(
    shown.map((one) => one.spent[resource]),
    shown.map((one) => one.mean),
  );
  const whole = run.instances[run.compared_split]?.length ?? 0;
  const compared = shown.filter((one) => one.split === run.compared_split && one.scores.size >= whole);
  compared.sort((a, b) => a.spent[resource] - b.spent[resource]);
  let best = -Infinity;
  let path = "";
  for (const one of compared) {
    const x = axes.x(one.spent[resource]);
    if (path) path += `H${x}`;
    best = Math.max(best, one.mean);
    path += path ? `V${axes.y(best)}` : `M${x} ${axes.y(best)}`;
  }
  if (path) path += `H${WIDTH - 10}`;
  const words = `Scores against ${resource}: ${compared.length ? `best so far ${figure(compared[0].mean)} to ${figure(best)}` : ""}`;
  const dots = shown.map((one) => trialDot(run, one, axes.x(one.spent[resource]), axes.y(one.mean)));
  return picture(words, [axes.frame(resource, "score"), draw("path", { class: "best-line", d: path }), dots]);
}

function trialDot(run, trial, x, y) {
  const words = `candidate ${trial.candidate} on ${trial.split}: ${figure(trial.mean)} (${count(trial.scores.size, "instance")})`;
  const mark = { dev: ["circle", { cx: x, cy: y, r: 4.5 }], test: ["path", { d: `M${x} ${y - 6}l6 6l-6 6l-6-6z` }] };
  const [tag, place] = mark[trial.split] ?? ["circle", { cx: x, cy: y, r: 3.5 }];
  const kind = { dev: "dev", test: "test" }[trial.split] ?? "train";
  const dot = draw(
    tag,
    { class: `dot ${kind}${trial.candidate === run.best ? " is-best" : ""}`, ...place },
    draw("title", {}, words),
  );
  return draw("a", { href: address([run.number, "candidate", trial.candidate]), "aria-label": words }, dot);
}

/** Functions from values to places, and the frame with round figures. */
function axesOf(xs, ys) {
  const [fromX, toX] = spread(Math.min(0, ...minmax(xs)), minmax(xs)[1]);
  const [fromY, toY] = spread(...minmax(ys), 0.06);
  const x = (value) => round(LEFT + ((value - fromX) / (toX - fromX)) * (WIDTH - LEFT - 16));
  const y = (value) => round(HEIGHT - BOTTOM - ((value - fromY) / (toY - fromY)) * (HEIGHT - BOTTOM - TOP));
  const frame = (xWord, yWord) => [
    ticks(fromY, toY, 4).map((v) => [
      draw("path", { class: "grid", d: `M${LEFT} ${y(v)}H${WIDTH - 10}` }),
      draw("text", { class: "y", x: LEFT - 8, y: y(v) + 4 }, figure(v)),
    ]),
    ticks(fromX, toX, 6).map((v) => draw("text", { class: "x", x: x(v), y: HEIGHT - BOTTOM + 16 }, figure(v))),
    draw("text", { class: "x", x: (LEFT + WIDTH) / 2, y: HEIGHT - 3 }, xWord),
    draw("text", { class: "said", x: 4, y: 10 }, yWord),
  ];
  return { x, y, frame };
}

function minmax(values) {
  return values.reduce(([least, most], v) => [Math.min(least, v), Math.max(most, v)], [Infinity, -Infinity]);
}

function spread(from, to, margin = 0) {
  if (from === to) return [from - (Math.abs(from) || 1) / 2, to + (Math.abs(to) || 1) / 2];
  return [from - (to - from) * margin, to + (to - from) * margin];
}

function ticks(from, to, most) {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let v = Math.ceil(from / step); v * step <= to + step * 1e-9; v++)
    found.push(Number((v * step).toPrecision(12)));
  return found;
}

function round(number) {
  return Math.round(number * 10) / 10;
}

function picture(words, content, width = WIDTH, height = HEIGHT) {
  return draw(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": words },
    content,
  );
}

/** Mean of each objective by candidate, on the split that candidates are compared on. */
function objectivesOf(run) {
  return run.candidates.flatMap((candidate) => {
    const measured = candidate.evaluations.filter(
      (one) => one.split === run.compared_split && one.status !== "unmeasured",
    );
    const names = Object.keys(measured[0]?.objectives ?? {});
    const means = Object.fromEntries(
      names.map((name) => [name, meanOf(measured.map((one) => Number(one.objectives[name] ?? 0)))]),
    );
    return names.length ? [{ candidate: candidate.candidate, means }] : [];
  });
}

/** Two objectives against each other; the candidates that no other one beats in both are joined. */
function paretoChart(run, points, first, second) {
  const shown = points.filter((one) => Number.isFinite(one.means[first]) && Number.isFinite(one.means[second]));
  if (!shown.length) return make("p", { class: "muted" }, "Nothing was measured in both.");
  const place = (one) => [one.means[first], one.means[second]];
  const beats = ([a, b], [c, d]) => a >= c && b >= d && (a > c || b > d);
  const front = shown.filter((one) => !shown.some((other) => beats(place(other), place(one))));
  front.sort((a, b) => a.means[first] - b.means[first]);
  const axes = axesOf(
    shown.map((one) => one.means[first]),
    shown.map((one) => one.means[second]),
  );
  const corners = front.map((one) => `${axes.x(one.means[first])} ${axes.y(one.means[second])}`);
  const dots = shown.map((one) => {
    const words = `candidate ${one.candidate}: ${first} ${figure(one.means[first])}, ${second} ${figure(one.means[second])}`;
    const kind = front.includes(one) ? "dot dev" : "dot train";
    const dot = draw(
      "circle",
      { class: kind, cx: axes.x(one.means[first]), cy: axes.y(one.means[second]), r: 5 },
      draw("title", {}, words),
    );
    return draw("a", { href: address([run.number, "candidate", one.candidate]), "aria-label": words }, dot);
  });
  const words = `${second} against ${first}; on the front: candidates ${front.map((one) => one.candidate).join(", ")}`;
  return picture(words, [
    axes.frame(first, second),
    draw("path", { class: "best-line", d: `M${corners.join("L")}` }),
    dots,
  ]);
}

/** Candidates below those that they were made from. */
function lineageChart(run) {
  const position = new Map(run.candidates.map((one, i) => [one.candidate, i]));
  const edges = run.candidates.flatMap((one, i) =>
    one.parents.filter((p) => position.has(p)).map((p) => [position.get(p), i]),
  );
  const layout = layOut(
    run.candidates.map(() => 34),
    edges,
    10,
  );
  const means = run.candidates.map((one) => one.means[run.compared_split]).map((v) => (v === null ? null : Number(v)));
  const [least, most] = minmax(means.filter((v) => v !== null && Number.isFinite(v)));
  const x = (one) => layout.x[one] + 12;
  const y = (one) => 22 + layout.layer[one] * 52;
  const lines = layout.routes
    .filter(Boolean)
    .flatMap((route) => route.slice(1).map((to, i) => `M${x(route[i])} ${y(route[i])}L${x(to)} ${y(to)}`));
  const dots = run.candidates.map((one, i) => {
    const share = means[i] === null || !(most > least) ? 0.5 : (means[i] - least) / (most - least);
    const words = `candidate ${one.candidate}, ${one.origin}: ${run.compared_split} ${figure(one.means[run.compared_split])}`;
    const kind = one.candidate === run.best ? "kin is-best" : means[i] === null ? "kin unmeasured" : "kin";
    const circle = draw(
      "circle",
      { class: kind, cx: x(i), cy: y(i), r: 15, "fill-opacity": 0.12 + 0.5 * Math.max(0, share) },
      draw("title", {}, words),
    );
    const label = draw("text", { class: "kin-number", x: x(i), y: y(i) + 4 }, String(one.candidate));
    return draw("a", { href: address([run.number, "candidate", one.candidate]), "aria-label": words }, circle, label);
  });
  const width = Math.max(...layout.x.map((_, i) => x(i))) + 30;
  const height = 44 + (layout.layers - 1) * 52;
  const chart = picture(
    "lineage of the candidates",
    [draw("path", { class: "kin-line", d: lines.join("") }), dots],
    width,
    height,
  );
  chart.style.width = chart.style.minWidth = `${width}px`;
  chart.classList.add("lineage");
  return make("div", { class: "scroll" }, chart);
}
