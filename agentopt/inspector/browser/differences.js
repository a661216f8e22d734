// How two texts differ: words for prompts, lines for code.

const LARGEST_TABLE = 4_000_000; // cells of the table of common subsequences; above it, texts are compared by lines

/** Parts of both texts in order, as `[kind, text]`, kind `same`, `gone` or `come`. */
function difference(before, after, byLines) {
  const pattern = byLines ? /[^\n]*\n|[^\n]+$/g : /\s+|[^\s]+/g;
  const a = before.match(pattern) ?? [];
  const b = after.match(pattern) ?? [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const x = a.slice(head, a.length - tail);
  const y = b.slice(head, b.length - tail);
  if (x.length * y.length > LARGEST_TABLE) {
    if (!byLines) return difference(before, after, true);
    return joined([
      ...kinds("same", a.slice(0, head)),
      ...kinds("gone", x),
      ...kinds("come", y),
      ...kinds("same", tail ? a.slice(-tail) : []),
    ]);
  }
  return joined([...kinds("same", a.slice(0, head)), ...aligned(x, y), ...kinds("same", tail ? a.slice(-tail) : [])]);
}

function kinds(kind, texts) {
  return texts.map((text) => [kind, text]);
}

/** Changes that only a word or two keep apart, as one: what went, then what came. Whole texts are easier to read. */
function merged(parts) {
  const found = [];
  let gone = "";
  let come = "";
  const settle = () => {
    if (gone) found.push(["gone", gone]);
    if (come) found.push(["come", come]);
    gone = come = "";
  };
  parts.forEach(([kind, text], i) => {
    const isBridge =
      kind === "same" &&
      (gone || come) &&
      i + 1 < parts.length &&
      text.length < 30 &&
      !text.includes("\n") &&
      text.trim().split(/\s+/).length <= 2;
    if (kind === "gone" || isBridge) gone += text;
    if (kind === "come" || isBridge) come += text;
    if (kind === "same" && !isBridge) {
      settle();
      found.push([kind, text]);
    }
  });
  settle();
  return found;
}

/** The longest common subsequence, and what is between. */
function aligned(a, b) {
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const skip = Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : skip;
    }
  }
  const parts = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      parts.push(["same", a[i++]]);
      j++;
    } else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      parts.push(["gone", a[i++]]);
    } else {
      parts.push(["come", b[j++]]);
    }
  }
  return parts;
}

function joined(parts) {
  const found = [];
  for (const [kind, text] of parts) {
    if (found.length && found[found.length - 1][0] === kind) found[found.length - 1][1] += text;
    else found.push([kind, text]);
  }
  return found;
}

/** The difference as an element; long stretches that stay are cut to their ends, and open on demand. */
function differenceView(before, after, byLines) {
  const tags = { gone: "del", come: "ins" };
  const found = difference(before, after, byLines);
  const parts = (byLines ? found : merged(found)).map(([kind, text]) =>
    kind === "same" ? unchanged(text, byLines) : make(tags[kind], {}, text),
  );
  return make("pre", { class: byLines ? "lines" : "words", tabindex: "0" }, parts);
}

function unchanged(text, byLines) {
  const most = byLines ? 400 : 600;
  if (text.length <= 2 * most) return text;
  const middle = text.slice(most, -most);
  const button = make(
    "button",
    { class: "inline", click: () => button.replaceWith(middle) },
    `… ${count(middle.length, "character")} unchanged …`,
  );
  return [text.slice(0, most), button, text.slice(-most)];
}

/** What a candidate changes in each parameter against another one. */
function changesView(run, before, after) {
  const names = Object.keys(after.values).filter((name) => before?.values[name] !== after.values[name]);
  if (!names.length) return make("p", { class: "muted" }, "No difference.");
  return names.map((name) => {
    const old = before?.values[name] ?? "";
    const title = make("h3", {}, make("code", {}, name), ` (${run.kinds.get(name) ?? "value"})`);
    if (!old.includes(" ") && old.length < 40 && after.values[name].length < 40) {
      return [title, make("p", { class: "change" }, make("del", {}, old), " → ", make("ins", {}, after.values[name]))];
    }
    return [title, differenceView(old, after.values[name], run.kinds.get(name) === "code")];
  });
}
