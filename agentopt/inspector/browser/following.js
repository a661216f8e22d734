// The bar over a run's page: how the run stands, its buttons and questions, and the page read again when it goes on.

function startFollowing() {
  const problem = make("p", { class: "bad", role: "alert" });
  const standing = make("div", { class: "standing" });
  const queue = questionQueue();
  const bar = make("div", { class: "bar", role: "status" }, standing, problem);
  const tell = (words) => (problem.textContent = words);
  let [shown, last, before] = ["", -1, ""];
  keepLooking(async () => {
    const run = page.runs[asked().number]?.run;
    if (run === undefined) return undefined;
    const found = await states(run);
    if (found === null) return tell("the server does not answer; is `agentopt ui` still going on?");
    if (found.problem) return tell(found.problem);
    if (!bar.isConnected) page.head.after(bar, queue.element);
    const [one] = found.runs;
    if (one === undefined) return undefined;
    queue.update(found.questions);
    if (JSON.stringify(one) !== before) standing.replaceChildren(...standingOf(one, tell));
    before = JSON.stringify(one);
    if (shown === run && one.last !== last && !isBusy()) await refresh();
    if (shown !== run || !isBusy()) [shown, last] = [run, one.last];
    return undefined;
  });
}

function standingOf(one, tell) {
  const words = [figure(one.score) === "–" ? "" : `best ${figure(one.score)}`, spentOf(one), one.reason, one.hint];
  return [make("a", { href: "/" }, "all runs"), stateOf(one), make("span", {}, words.filter(Boolean).join("; ")), ...buttonsOf(one, tell).filter(Boolean)];
}

/** Whether somebody is typing in, or marks something of, what would be replaced. */
function isBusy() {
  const isTyping = page.main.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  return isTyping || page.keys.open || Boolean(String(getSelection()));
}

startFollowing();
