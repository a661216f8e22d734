// Numbers and times as people read them.

/** A score: four digits that count. The document writes infinite ones as words, which `Number` reads. */
function figure(value) {
  if (value === null || value === undefined) return "–";
  const number = Number(value);
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  return String(Number(number.toPrecision(4))).replace("-", "−");
}

function interval(one) {
  if (one === null) return "–";
  const isKnown = Number.isFinite(Number(one.high) - Number(one.low));
  return isKnown
    ? `${figure(one.mean)} [${figure(one.low)}, ${figure(one.high)}]`
    : `${figure(one.mean)} (no interval)`;
}

function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (seconds === null) return "";
  if (seconds < 120) return `${seconds.toPrecision(2)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Prompt and completion tokens; a server that does not report them gives none. */
function tokens(one) {
  return one.prompt_tokens || one.completion_tokens ? `${one.prompt_tokens} + ${one.completion_tokens} tokens` : "";
}

function dollars(amount) {
  return amount ? `${amount.toFixed(4)} USD` : "";
}

/** What was paid, on one line; what was not reported is left out. */
function paid(spent) {
  const failed = spent.failed ? `${spent.failed} without a reply` : "";
  const parts = [
    count(spent.calls, "model call"),
    failed,
    tokens(spent) || "tokens not reported",
    dollars(spent.cost_usd),
    duration(spent.seconds),
  ];
  return parts.filter(Boolean).join(", ");
}

function when(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function shortened(text, most) {
  const characters = text.length <= most ? null : [...text.slice(0, most)];
  return characters === null ? text : `${characters.slice(0, -1).join("")}…`;
}

function firstLine(text) {
  return text.split("\n", 1)[0];
}
