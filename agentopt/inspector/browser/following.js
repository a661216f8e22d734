// The bar over a run's page: how the run stands, its buttons and questions, and the page read again when it goes on.

function startFollowing() {
  const problem = make("p", { class: "bad", role: "alert" });
  const standing = make("div", { class: "standing" });
  const queue = questionQueue();
  const bar = make("div", { class: "bar", role: "status" }, standing, problem);
  const tell = (words) => (problem.textContent = words);
  let before = "";
  keepLooking(async () => {
    const number = asked().number;
    const run = page.runs[number]?.run;
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
    if (page.open.has(number) && page.open.get(number).last < one.last && !isBusy()) await catchUp(number, run);
    return undefined;
  });
}

/** Reads what is new in an open run, and shows the view again. */
async function catchUp(number, run) {
  const before = page.open.get(number);
  const reply = await fetch(`${document.body.dataset.source}${encodeURIComponent(run)}.json?after=${before.last}`);
  if (!reply.ok) return;
  const news = await reply.json();
  const merged = (name, key) => {
    const byKey = new Map([...before[name], ...news[name]].map((one) => [one[key], one]));
    return [...byKey.values()];
  };
  const lists = { candidates: merged("candidates", "candidate"), steps: merged("steps", "step"), exchanges: merged("exchanges", "exchange") };
  page.open.set(number, openRun(page.source, number, { ...before, ...news, ...lists }));
  await show({ isSame: true });
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
