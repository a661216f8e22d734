// The page: which view the address asks for, the tabs, and the keys.
//
// Addresses are #/<run>/<view>/<id>…, so every view can be linked to and the browser's back button works.

const TABS = [
  ["overview", "Overview"],
  ["steps", "Steps"],
  ["candidates", "Candidates"],
  ["compare", "Compare"],
  ["exchanges", "Exchanges"],
];
const TAB_OF = { step: "steps", candidate: "candidates", evaluation: "candidates", exchange: "exchanges" };
const KEYS = [
  ["1 – 5", "the tabs"],
  ["← →  or  j k", "previous, next"],
  ["/", "search"],
  ["?", "these keys"],
  ["in a graph", "arrows walk, enter opens, + − 0 zoom"],
];

const page = { source: null, runs: [], open: new Map(), main: null, head: null };

async function start() {
  page.source = openSource();
  page.head = make("header");
  page.main = make("main", { tabindex: "-1" });
  page.keys = make(
    "dialog",
    { "aria-label": "keys" },
    make("h2", {}, "Keys"),
    facts(KEYS),
    make("button", { click: () => page.keys.close() }, "close"),
  );
  document.body.append(page.head, page.main, page.keys);
  page.runs = await page.source.runs();
  window.addEventListener("hashchange", () => show());
  window.addEventListener("keydown", pressed);
  await show();
}

function asked() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const number = Number(parts[0]);
  return { number: page.runs[number] ? number : 0, view: parts[1] || "overview", ids: parts.slice(2).map(Number) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address that somebody typed
  }
}

async function opened(number) {
  if (!page.open.has(number)) page.open.set(number, openRun(page.source, number, await page.source.run(number)));
  return page.open.get(number);
}

async function show({ isSame = false } = {}) {
  const at = location.hash;
  const { number, view, ids } = asked();
  if (!page.runs.length) {
    page.main.replaceChildren(make("p", {}, "There are no runs."));
    page.main.dataset.at = at;
    return;
  }
  const run = await opened(number);
  const scroll = window.scrollY;
  page.head.replaceChildren(...heading(run, view));
  const content = await viewOf(run, view, ids);
  if (location.hash !== at) return; // somebody went on while a piece was read
  page.main.replaceChildren(...content.flat(Infinity).filter(Boolean));
  page.main.dataset.view = view;
  page.main.dataset.at = at;
  window.scrollTo(0, isSame ? scroll : 0);
}

function viewOf(run, view, [first, second]) {
  const last = run.best ?? run.candidates[run.candidates.length - 1]?.candidate;
  const views = {
    overview: () => overview(run),
    steps: () => stepsView(run),
    step: () => stepView(run, first),
    candidates: () => candidatesView(run),
    candidate: () => candidateView(run, first),
    compare: () => compareView(run, first ?? run.candidates[0]?.candidate, second ?? last),
    evaluation: () => evaluationView(run, first, second),
    exchanges: () => exchangesView(run),
    exchange: () => exchangeView(run, first),
  };
  return Object.hasOwn(views, view) ? views[view]() : [missing("view", view)];
}

function heading(run, view) {
  const choose = make(
    "select",
    { "aria-label": "run", change: () => (location.hash = address([choose.value, "overview"])) },
    page.runs.map((one, i) => make("option", { value: i, selected: i === run.number }, `${one.task} ${one.run}`)),
  );
  const tabs = TABS.map(([name, words]) =>
    make(
      "a",
      { href: address([run.number, name]), "aria-current": (TAB_OF[view] ?? view) === name ? "page" : false },
      words,
    ),
  );
  const title = page.runs.length > 1 ? choose : make("b", {}, run.task || run.run);
  return [
    make("div", { class: "title" }, title),
    make("nav", { "aria-label": "views" }, tabs),
    make("button", { class: "help", "aria-label": "keys", click: () => page.keys.showModal() }, "?"),
  ];
}

function pressed(event) {
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const { number, view, ids } = asked();
  const neighbour = (by) =>
    [...page.main.querySelectorAll(".neighbours a")].find((one) => one.textContent.includes(by));
  const keys = { ArrowLeft: "←", k: "←", ArrowRight: "→", j: "→" };
  if (/^[1-5]$/.test(event.key)) location.hash = address([number, TABS[Number(event.key) - 1][0]]);
  else if (event.key === "/") page.main.querySelector(".search")?.focus();
  else if (event.key === "?") page.keys.showModal();
  else if (view === "candidate" && keys[event.key]) stepCandidate(number, ids[0], keys[event.key] === "→" ? 1 : -1);
  else if (keys[event.key]) neighbour(keys[event.key])?.click();
  else return;
  event.preventDefault();
}

async function stepCandidate(number, id, by) {
  const run = await opened(number);
  const position = run.candidates.findIndex((one) => one.candidate === id);
  const next = run.candidates[position + by];
  if (next) location.hash = address([number, "candidate", next.candidate]);
}

start();
