// Elements of the page. A record is untrusted: what comes from it is only ever set as text, never parsed.

/** An element with attributes and children. Functions become listeners; children are elements, text, or nothing. */
function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for pictures. */
function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A link to another view of the page; every part is data, and only ever the fragment of an address. */
function link(parts, ...children) {
  return make("a", { href: address(parts) }, ...children);
}

function address(parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

function section(title, ...children) {
  return make("section", {}, make("h2", {}, title), ...children);
}

/** Something that opens; `fill` makes what is in it when it is opened first. */
function opening(title, fill, { open = false } = {}) {
  const body = make("div", { class: "opened" });
  let isFilled = false;
  const open_ = () => {
    if (!details.open || isFilled) return;
    isFilled = true;
    Promise.resolve(fill()).then((content) => body.append(...[content].flat(Infinity).filter(Boolean)));
  };
  const details = make("details", { open, toggle: open_ }, make("summary", {}, title), body);
  open_();
  return details;
}

function table(heads, rows, kind = "") {
  const head = make(
    "tr",
    {},
    heads.map((text) => make("th", { scope: "col" }, text)),
  );
  const body = rows.map((cells) =>
    make(
      "tr",
      {},
      cells.map((cell) => make("td", {}, cell)),
    ),
  );
  return make(
    "div",
    { class: "scroll" },
    make("table", { class: kind }, make("thead", {}, head), make("tbody", {}, body)),
  );
}

function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return make(
    "dl",
    {},
    known.map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

function block(text, kind = "") {
  return make("pre", { class: kind, tabindex: "0" }, text);
}
