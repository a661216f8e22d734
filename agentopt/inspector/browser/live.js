// What a page asks of the server while runs go on.

const LOOK_EVERY_MS = 1000;
const WORDS_OF_STATE = {
  running: "is going on",
  waiting: "waits for a review",
  stopping: "is ending",
  interrupted: "was interrupted",
  stopped: "was stopped",
  finished: "is finished",
};

/** How runs stand; `null` where the server is gone. */
async function states(run) {
  try {
    const reply = await fetch(run === undefined ? "/states" : `/states?run=${encodeURIComponent(run)}`);
    return reply.ok ? await reply.json() : { problem: await reply.text() };
  } catch {
    return null;
  }
}

/** Has the server do something; returns the problem, or nothing. */
async function change(path, data) {
  try {
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch(path, { method: "POST", headers, body: JSON.stringify(data) });
    return reply.ok ? "" : ((await reply.json()).problem ?? `the server says ${reply.status}`);
  } catch {
    return "the server does not answer; is `agentopt ui` still going on?";
  }
}

/** The buttons that fit a run's state; `tell` is given the problem, if one comes. */
function buttonsOf(one, tell) {
  const press = (path) => async (event) => {
    event.target.disabled = true;
    tell(await change(path, { run: one.run }));
  };
  return [
    one.can_stop ? make("button", { class: "stop", click: press("/stop") }, "stop") : null,
    one.can_resume ? make("button", { class: "resume", click: press("/resume") }, "resume") : null,
  ];
}

function stateOf(one) {
  return make("span", { class: `state ${one.state}` }, WORDS_OF_STATE[one.state] ?? one.state);
}

function spentOf(one) {
  const { seconds, usd, tokens: read, ...counted } = one.spent;
  const counts = Object.entries(counted).map(([name, amount]) => count(amount, name.replace("_", " ").replace(/s$/, "")));
  return [...counts, read ? count(read, "token") : "", dollars(usd ?? 0), duration(seconds ?? null)].filter(Boolean).join(", ");
}

/** Looks again and again, less often in a page that nobody sees. */
function keepLooking(look) {
  const again = async () => {
    const started = performance.now();
    await look();
    const pause = Math.max(LOOK_EVERY_MS, 5 * (performance.now() - started));
    setTimeout(again, document.hidden ? 5 * pause : pause);
  };
  again();
}
