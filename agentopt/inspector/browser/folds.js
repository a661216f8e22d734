// Large graphs made small enough to look at: of nodes that are alike only a few are shown, then the middle is folded.

const ALIKE = 6; // so many nodes of one shape are each shown; of more, the first three and the last
const SMALL = 40; // graphs of so many nodes are shown as they are
const MOST_BOXES = 250;

/**
 * Boxes of a graph: {name, nodes, parents} in an order in which inputs come before results; `nodes` are positions.
 * A fold's name starts with its own mark, so none is taken for a node. `opened` holds names of folds that are open.
 */
function boxesOf(graph, opened, showAll) {
  const position = new Map(graph.nodes.map((node, i) => [node.name, i]));
  const parents = graph.nodes.map((node) =>
    node.parents.map((name) => position.get(name)).filter((p) => p !== undefined),
  );
  let groups = graph.nodes.map((_, i) => [i]);
  if (!showAll) {
    if (groups.length > SMALL) groups = withoutRepeats(graph, parents, opened);
    if (groups.length > MOST_BOXES) groups = withoutMiddle(groups, opened);
  }
  return named(graph, parents, groups);
}

function foldName(members) {
  return `fold:${members[0]}+${members.length}`;
}

function withoutRepeats(graph, parents, opened) {
  const depth = [];
  const shapes = new Map();
  const shape = [];
  const alike = new Map();
  graph.nodes.forEach((node, i) => {
    const earlier = parents[i].filter((p) => p < i);
    depth.push(1 + earlier.reduce((most, p) => Math.max(most, depth[p]), -1));
    const isOwn = node.kind === "parameter" || node.kind === "failure" || node.name === graph.output;
    const own = isOwn ? `#${i}` : node.name.replace(/\d+$/, "");
    const key = JSON.stringify([node.kind, own, earlier.map((p) => shape[p])]);
    if (!shapes.has(key)) shapes.set(key, shapes.size);
    shape.push(shapes.get(key));
    if (!alike.has(shape[i])) alike.set(shape[i], []);
    alike.get(shape[i]).push(i);
  });
  const groups = [];
  for (const members of alike.values()) {
    const middle = members.slice(3, -1);
    if (members.length <= ALIKE || opened.has(foldName(middle))) groups.push(...members.map((i) => [i]));
    else groups.push(...[...members.slice(0, 3), members[members.length - 1]].map((i) => [i]), middle);
  }
  return groups.sort((a, b) => depth[a[0]] - depth[b[0]] || a[0] - b[0]);
}

function withoutMiddle(groups, opened) {
  const head = Math.floor(MOST_BOXES / 3);
  const tail = MOST_BOXES - head - 1;
  const middle = groups
    .slice(head, groups.length - tail)
    .flat()
    .sort((a, b) => a - b);
  if (opened.has(foldName(middle))) return groups;
  return [...groups.slice(0, head), middle, ...groups.slice(groups.length - tail)];
}

function named(graph, parents, groups) {
  const names = groups.map((members) => (members.length === 1 ? graph.nodes[members[0]].name : foldName(members)));
  const groupOf = new Map();
  groups.forEach((members, group) => members.forEach((i) => groupOf.set(i, group)));
  return groups.map((members, group) => {
    const inputs = new Set(members.flatMap((i) => parents[i].map((p) => groupOf.get(p))));
    inputs.delete(group);
    return { name: names[group], isFold: members.length > 1, nodes: members, parents: [...inputs] };
  });
}
