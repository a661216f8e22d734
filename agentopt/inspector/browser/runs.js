// The list of runs, newest first.

function startList() {
  const problem = make("p", { class: "bad", role: "alert" });
  const queue = questionQueue();
  const list = make("div", { class: "runs" });
  document.body.append(make("header", {}, make("div", { class: "title" }, make("b", {}, "agentopt"))), make("main", {}, problem, queue.element, section("Runs", list)));
  const tell = (words) => (problem.textContent = words);
  let before = "";
  keepLooking(async () => {
    const found = await states();
    if (found === null) return tell("the server does not answer; is `agentopt ui` still going on?");
    if (found.problem) return tell(found.problem);
    queue.update(found.questions);
    const text = JSON.stringify(found.runs);
    if (text === before) return undefined;
    before = text;
    list.replaceChildren(found.runs.length ? tableOfRuns(found.runs, tell) : make("p", {}, "There are no runs yet."));
    return undefined;
  });
}

function tableOfRuns(runs, tell) {
  const rows = runs.map((one, number) => [
    make("a", { href: `/run#/${number}/overview` }, one.task || one.run),
    when(one.started),
    stateOf(one),
    figure(one.score),
    spentOf(one),
    [one.reason, one.hint].filter(Boolean).join("; "),
    buttonsOf(one, tell),
  ]);
  return table(["task", "started", "state", "score", "spent", "", ""], rows.reverse());
}

startList();
