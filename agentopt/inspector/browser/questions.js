// The queue of reviews: proposals to accept, edit or reject, and items to rank.

/** The open questions; what somebody is writing stays as it is while others come and go. */
function questionQueue() {
  const shown = new Map();
  const drafts = new Map();
  const list = make("div", { class: "questions" });
  const update = (questions) => {
    for (const [key, element] of shown) {
      if (questions.some((one) => keyOf(one) === key)) continue;
      element.remove();
      shown.delete(key);
    }
    for (const one of questions) {
      if (shown.has(keyOf(one))) continue;
      const element = one.kind === "ranking" ? rankingForm(one) : proposalForm(one, drafts);
      shown.set(keyOf(one), element);
      list.append(element);
    }
  };
  return { element: list, update };
}

function keyOf(question) {
  return `${question.number} ${question.is_awaited} ${question.problem}`;
}

/** What is asked, with buttons. Once answered it only waits for the run, which may ask again. */
function form(question, title, content, buttons) {
  const problem = make("p", { class: "bad", role: "alert" }, question.problem);
  const answer = async (decision) => {
    problem.textContent = await change("/answer", { number: question.number, decision });
    element.inert = problem.textContent === "";
  };
  const row = buttons.map(([words, kind, decide]) => make("button", { class: kind, click: () => decide(answer, problem) }, words));
  const kept = question.is_awaited ? null : make("p", { class: "muted" }, "The run is not going on; the answer is kept for when it is resumed.");
  const element = make("section", { class: "question", "aria-label": title }, make("h2", {}, title), problem, kept, content, make("div", { class: "choices" }, row));
  return element;
}

/** A proposal; `drafts` keeps what somebody wrote for when the run cannot take it and asks again. */
function proposalForm(question, drafts) {
  const fields = Object.entries(question.changes).map(([name, value]) => valueField(name, question.before[name], value));
  const key = JSON.stringify([question.run, question.parents, question.changes]);
  if (question.problem && drafts.has(key)) fields.forEach((one, i) => one.write(drafts.get(key)[i]));
  const words = make("textarea", { rows: 2, "aria-label": "why it is rejected", placeholder: "Why? The proposer reads this." });
  const came = [question.task, `by ${question.origin}`, question.parents.length ? `from candidate ${question.parents.join(" and ")}` : ""];
  const content = [
    make("p", { class: "muted" }, came.filter(Boolean).join(", ")),
    question.reasoning ? make("blockquote", {}, question.reasoning) : null,
    fields.map((one) => one.element),
    make("label", {}, "words of a rejection", words),
  ];
  const edited = () => Object.fromEntries(fields.map((one) => [one.name, one.read()]));
  return form(question, "May this be tried?", content, [
    ["accept", "accept", (answer) => {
      drafts.set(key, fields.map((one) => one.text()));
      answer(fields.some((one) => one.isChanged()) ? { verdict: "edited", changes: edited() } : { verdict: "accepted" });
    }],
    ["reject", "reject", (answer, problem) => {
      if (words.value.trim()) answer({ verdict: "rejected", words: words.value });
      else problem.textContent = "Say why: the words go back to the proposer.";
    }],
  ]);
}

/** One parameter: its value so far, and the proposed one to accept or to edit. */
function valueField(name, before, value) {
  const text = textOf(value);
  const field = make("textarea", { rows: Math.min(20, text.split("\n").length + Math.floor(text.length / 120)), "aria-label": `new value of ${name}`, spellcheck: "false" });
  field.value = text;
  const proposed = field.value; // with the line ends that the browser makes of them
  const isChanged = () => field.value !== proposed;
  const element = make("div", { class: "value" }, make("h3", {}, name), make("div", { class: "muted" }, "so far"), block(textOf(before)), make("div", { class: "muted" }, "proposed; to be edited here"), field);
  const write = (words) => (field.value = words);
  return { name, element, isChanged, write, text: () => field.value, read: () => (isChanged() ? valueIn(field.value, value) : value) };
}

function textOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "";
}

/** What somebody wrote, as a value of the proposed one's kind where it is one; the run checks it. */
function valueIn(text, proposed) {
  if (typeof proposed === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function rankingForm(question) {
  const list = make("ol", { class: "ranking" });
  const move = (element, by) => {
    const rows = [...list.children];
    const other = rows[rows.indexOf(element) + by];
    if (other) by < 0 ? other.before(element) : other.after(element);
  };
  question.items.forEach((text, position) => {
    const row = make("li", {});
    row.dataset.position = position;
    row.append(make("button", { "aria-label": "better", click: () => move(row, -1) }, "↑"), make("button", { "aria-label": "worse", click: () => move(row, 1) }, "↓"), block(text));
    list.append(row);
  });
  const order = () => [...list.children].map((row) => Number(row.dataset.position));
  return form(question, "Which is better? Best first.", list, [["this is my order", "accept", (answer) => answer({ verdict: "ranked", order: order() })]]);
}
