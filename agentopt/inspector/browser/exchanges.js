// What was asked of models, and what they replied.

function exchangesView(run) {
  if (!run.exchanges.length) return [make("h1", {}, "Exchanges"), make("p", {}, "No model was asked.")];
  const rows = (words) =>
    run.exchanges
      .filter(
        (one) =>
          !words || `${one.role} ${Object.values(one.where).join(" ")} ${one.begins}`.toLowerCase().includes(words),
      )
      .map((one) => [
        link([run.number, "exchange", one.exchange], String(one.exchange)),
        one.role,
        Object.entries(one.where)
          .map(([name, value]) => `${name} ${value}`)
          .join(", "),
        one.failed ? make("b", { class: "bad" }, "no reply") : tokens(one),
        dollars(one.cost_usd),
        duration(one.seconds),
        shortened(one.begins, 90),
      ]);
  const heads = ["exchange", "role", "for", "tokens", "cost", "took", "asked"];
  const place = make("div", {}, longTable(heads, rows("")));
  const search = make("input", {
    type: "search",
    class: "search",
    placeholder: "search ( / )",
    "aria-label": "search exchanges",
  });
  search.addEventListener("input", () =>
    place.replaceChildren(longTable(heads, rows(search.value.trim().toLowerCase()))),
  );
  return [make("h1", {}, "Exchanges with models"), search, place];
}

function exchangeOpening(run, number) {
  const one = run.exchanges[number];
  const words = [`exchange ${number}`, one.role, tokens(one), dollars(one.cost_usd), duration(one.seconds)]
    .filter(Boolean)
    .join(" · ");
  return opening(words, async () => exchangeBody(await run.exchangePiece(number)));
}

function exchangeBody(bulk) {
  return [
    ...bulk.messages.map(([role, text]) => [make("h3", {}, role), block(text, "words")]).flat(),
    make("h3", {}, bulk.error ? "failed" : "reply"),
    block(bulk.error || bulk.reply, "words"),
  ];
}

async function exchangeView(run, number) {
  const one = run.exchanges[number];
  if (!one) return [missing("exchange", number)];
  const to = (n, words) => (run.exchanges[n] ? link([run.number, "exchange", n], words) : "");
  return [
    make("h1", {}, `Exchange ${number}`),
    make("p", { class: "neighbours" }, to(number - 1, "← previous"), " ", to(number + 1, "next →")),
    facts([
      ["role", one.role],
      [
        "for",
        Object.entries(one.where)
          .map(([name, value]) => `${name} ${value}`)
          .join(", "),
      ],
      ["model", one.model],
      ["tokens", tokens(one)],
      ["cost", dollars(one.cost_usd)],
      ["took", duration(one.seconds)],
    ]),
    ...exchangeBody(await run.exchangePiece(number)),
  ];
}
