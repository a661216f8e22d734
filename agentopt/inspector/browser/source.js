// Where the data come from: the page itself, or, where `<body data-source>` names an address, a server.
//
// runs.json lists the runs; <run>.json is a run's document; <run>/<piece>.json is a piece of its bulk.

function openSource() {
  const server = document.body.dataset.source;
  return server ? servedSource(server) : embeddedSource();
}

function embeddedSource() {
  const read = (name) => {
    const element = document.getElementById(name);
    return element === null ? null : JSON.parse(element.textContent);
  };
  return {
    runs: async () => read("runs"),
    run: async (number) => read(`run/${number}`),
    piece: async (number, name) => read(`run/${number}/${name}`),
  };
}

function servedSource(server) {
  const read = async (path) => {
    const reply = await fetch(`${server}${path}.json`);
    if (!reply.ok) throw new Error(`${path}: the server says ${reply.status}`);
    return reply.json();
  };
  let listed = [];
  const id = (number) => encodeURIComponent(listed[number].run);
  return {
    runs: async () => (listed = await read("runs")),
    run: async (number) => read(id(number)),
    piece: async (number, name) => read(`${id(number)}/${name}`),
  };
}

/** A run as the views use it: its document, with look-ups, and its pieces kept once they were read. */
function openRun(source, number, run) {
  const kept = new Map();
  const piece = (name) => {
    if (!kept.has(name)) kept.set(name, source.piece(number, name));
    return kept.get(name);
  };
  const byId = new Map(run.candidates.map((one) => [one.candidate, one]));
  return {
    ...run,
    number,
    byId,
    kinds: new Map(run.parameters.map((one) => [one.name, one.kind])),
    evaluationPiece: async (candidate, position) => (await piece(`candidate/${candidate}`))[position],
    exchangePiece: async (exchange) => {
      const part = Math.floor(exchange / run.exchanges_per_piece);
      return (await piece(`exchanges/${part}`))[exchange % run.exchanges_per_piece];
    },
    children: (id) => run.candidates.filter((one) => one.parents.includes(id)),
  };
}
