// A layered layout, as in Sugiyama, Tagawa and Toda (1981): layers by longest paths, order by barycentres, places by
// the least squares fit that keeps the order. The same method as agentopt/graph/layout.py, here so that a graph can
// be laid out again when something in it is opened. It takes the place of cytoscape with dagre (both MIT), which would
// add 485 kB to every page.

const SWEEPS = 8;
const LONGEST_ROUTE = 48; // layers in which an edge has a point of its own

/**
 * Places of boxes. `widths` by node, inputs before results; `edges` as pairs of node numbers, from source to target.
 * Returns {layer, x, routes, layers}: routes[edge] lists the nodes and points that it runs through, from the top.
 */
function layOut(widths, edges, gap = 22, pointGap = 8) {
  const work = {
    layer: layersOf(widths.length, edges),
    width: [...widths],
    above: [],
    below: [],
    nodes: widths.length,
  };
  for (let i = 0; i < widths.length; i++) {
    work.above.push([]);
    work.below.push([]);
  }
  const points = new Map();
  const routes = edges.map(([a, b]) => (a === b ? null : routed(work, points, Math.min(a, b), Math.max(a, b))));
  const rows = ordered(work);
  const apart = (l, r) => (work.width[l] + work.width[r]) / 2 + (l < work.nodes && r < work.nodes ? gap : pointGap);
  return { layer: work.layer, x: fitted(work, rows, apart), routes, layers: rows.length };
}

function layersOf(count, edges) {
  const layer = new Array(count).fill(0);
  const nearest = new Array(count).fill(Infinity);
  const hasInput = new Array(count).fill(false);
  const forward = edges.filter(([a, b]) => a !== b).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
  forward.sort((one, other) => one[1] - other[1]);
  for (const [a, b] of forward) {
    layer[b] = Math.max(layer[b], layer[a] + 1);
    hasInput[b] = true;
  }
  for (const [a, b] of forward) nearest[a] = Math.min(nearest[a], layer[b]);
  return layer.map((own, node) => (hasInput[node] || nearest[node] === Infinity ? own : nearest[node] - 1));
}

function routed(work, points, a, b) {
  const route = [a];
  const join = (one, other) => {
    work.below[one].push(other);
    work.above[other].push(one);
  };
  const last = Math.min(work.layer[b], work.layer[a] + 1 + LONGEST_ROUTE);
  for (let row = work.layer[a] + 1; row < last; row++) {
    const key = `${a},${row}`; // all edges of one source share their points
    if (!points.has(key)) {
      points.set(key, work.layer.length);
      work.layer.push(row);
      work.width.push(0);
      work.above.push([]);
      work.below.push([]);
      join(route[route.length - 1], points.get(key));
    }
    route.push(points.get(key));
  }
  join(route[route.length - 1], b);
  return [...route, b];
}

function ordered(work) {
  const rows = [];
  work.layer.forEach((layer, one) => (rows[layer] ??= []).push(one));
  for (let i = 0; i < rows.length; i++) rows[i] ??= [];
  const place = new Array(work.layer.length).fill(0);
  const numbered = (row) => row.forEach((one, position) => (place[one] = (position + 0.5) / row.length));
  rows.forEach(numbered);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const near = sweep % 2 ? work.below : work.above;
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const wanted = new Map(row.map((one) => [one, mean(near[one], place, place[one])]));
      row.sort((one, other) => wanted.get(one) - wanted.get(other));
      numbered(row);
    }
  }
  return rows;
}

function mean(near, values, otherwise) {
  return near.length ? near.reduce((total, one) => total + values[one], 0) / near.length : otherwise;
}

function fitted(work, rows, apart) {
  const x = new Array(work.layer.length).fill(0);
  for (const row of rows) fit(work, row, x, () => 0, apart);
  for (let sweep = 0; sweep <= SWEEPS; sweep++) {
    const sides = sweep % 2 ? [work.below, work.above] : [work.above, work.below];
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const wanted = new Map(row.map((one) => [one, wantedPlace(work, one, sides, x)]));
      fit(work, row, x, (one) => wanted.get(one), apart);
    }
  }
  const left = x.reduce((least, place, one) => Math.min(least, place - work.width[one] / 2), Infinity);
  return x.map((place) => place - left);
}

function wantedPlace(work, one, sides, x) {
  const near = sides[0][one].length ? sides[0][one] : sides[1][one];
  const same = near.filter((other) => other < work.nodes === one < work.nodes);
  return mean(same.length ? same : near, x, x[one]);
}

/** Isotonic regression: less the gaps to its left, no place may be smaller than the one before. */
function fit(work, row, x, wanted, apart) {
  let shift = 0;
  const shifts = [];
  const blocks = [];
  row.forEach((one, position) => {
    if (position) shift += apart(row[position - 1], one);
    shifts.push(shift);
    const weight = one < work.nodes ? 1 : 4;
    const block = { total: weight * (wanted(one) - shift), weight, count: 1 };
    while (
      blocks.length &&
      blocks[blocks.length - 1].total / blocks[blocks.length - 1].weight > block.total / block.weight
    ) {
      const before = blocks.pop();
      block.total += before.total;
      block.weight += before.weight;
      block.count += before.count;
    }
    blocks.push(block);
  });
  let position = 0;
  for (const block of blocks) {
    for (let i = 0; i < block.count; i++, position++) x[row[position]] = shifts[position] + block.total / block.weight;
  }
}
