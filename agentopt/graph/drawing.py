"""Graphs as SVG pictures, drawn without any other program.

A picture holds no script and nothing that is loaded; whatever came from a program is escaped text. It brings its own
background, so it can be read wherever it is put, in a light and in a dark scheme. The same graph gives the same
bytes in every process.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from agentopt.graph.export import GraphRecord, NodeRecord, graph_record
from agentopt.graph.folding import Fold, folded
from agentopt.graph.layout import Layout, lay_out
from agentopt.graph.node import Node
from agentopt.graph.showing import shortened

MAX_DRAWN = 100
"""Nodes in a picture; of larger graphs the rest is folded, and the picture says so."""
_MAX_READ = 100_000
"""Of a larger graph only the last nodes are looked at."""
_TITLE_CHARS = 1000
_CHAR, _HEIGHT, _ROW, _GAP, _MARGIN = 6.7, 40, 76, 22, 16
_NARROWEST, _WIDEST = 64, 190
_STYLE = """
.agentopt{font:11px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.agentopt .paper{fill:#fff}
.agentopt text{fill:#1f2328;text-anchor:middle}
.agentopt .name{font-weight:600}
.agentopt .value,.agentopt .said{fill:#59636e}
.agentopt .said{text-anchor:start}
.agentopt .edge{fill:none;stroke:#8c959f;stroke-width:1.2}
.agentopt .back{stroke-dasharray:5 3}
.agentopt .head{fill:#8c959f}
.agentopt rect{stroke-width:1.2}
.agentopt .parameter rect{fill:#fff1cc;stroke:#b7791f}
.agentopt .input rect{fill:#ddf4ff;stroke:#3b82c4}
.agentopt .operation rect{fill:#f1f3f5;stroke:#7d8590}
.agentopt .failure rect{fill:#ffe3e0;stroke:#cf222e}
.agentopt .fold rect{fill:none;stroke:#8c959f;stroke-dasharray:4 3}
.agentopt .output rect{stroke-width:2.6}
@media(prefers-color-scheme:dark){
.agentopt .paper{fill:#0d1117}
.agentopt text{fill:#e6edf3}
.agentopt .value,.agentopt .said{fill:#9da7b3}
.agentopt .edge{stroke:#6e7681}
.agentopt .head{fill:#6e7681}
.agentopt .parameter rect{fill:#3d2e00;stroke:#d29922}
.agentopt .input rect{fill:#0c2d4d;stroke:#4493f8}
.agentopt .operation rect{fill:#21262d;stroke:#8b949e}
.agentopt .failure rect{fill:#4b1113;stroke:#f85149}
}
"""


def to_svg(graph: Node | GraphRecord) -> str:
    """A picture of the graph, inputs above results; the kinds of nodes have colours, and values are tooltips.

    Of more than 100 nodes the repeated ones and then the middle are folded, which the picture says.
    """
    record = graph if isinstance(graph, GraphRecord) else _record(graph)
    shown = folded(record, MAX_DRAWN)
    lines = [_lines(one) for one in shown]
    widths = [max(_NARROWEST, min(_WIDEST, 16 + _CHAR * max(map(_columns, two)))) for two in lines]
    number = {one.name: i for i, one in enumerate(shown)}
    edges = [(number[above], number[one.name]) for one in shown for above in one.parents if above in number]
    layout = lay_out(widths, edges, gap=_GAP)
    said = _said(record, shown)
    top = _MARGIN + (20 if said else 0)
    right = max((layout.places[i].x + width / 2 for i, width in enumerate(widths)), default=0.0)
    right = max(right, *(place.x for place in layout.places), 7.0 * len(said))
    width, height = right + 2 * _MARGIN, top + layout.layers * _ROW - (_ROW - _HEIGHT) + _MARGIN
    body = [f'<rect class="paper" width="{_n(width)}" height="{_n(height)}"/>']
    if said:
        body.append(f'<text class="said" x="{_MARGIN}" y="{_MARGIN + 8}">{_xml(said)}</text>')
    body += _edges(layout, edges, len(shown), top)
    for one, two, place, box in zip(shown, lines, layout.places, widths):
        is_output = one.name == record.output
        body.append(_box(one, two, place.x + _MARGIN, top + place.layer * _ROW, box, is_output=is_output))
    size = f'width="{_n(width)}" height="{_n(height)}" viewBox="0 0 {_n(width)} {_n(height)}"'
    about = f'role="img" aria-label="{_xml(_summary(record))}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="agentopt" {size} {about}>'
    return "\n".join([head, f"<style>{_STYLE}</style>", *body, "</svg>", ""])


def _record(output: Node) -> GraphRecord:
    """The graph of a node; where it is so large that most of it will be folded, without the texts of that part."""
    record = graph_record(output, max_nodes=_MAX_READ, bare=range(10**9))
    kept = {one.name for one in folded(record, MAX_DRAWN)}
    bare = {i for i, node in enumerate(record.nodes) if node.name not in kept}
    return graph_record(output, max_nodes=_MAX_READ, bare=bare)


def _summary(record: GraphRecord) -> str:
    return f"graph of {record.output}: {len(record.nodes) + record.left_out} nodes"


def _said(record: GraphRecord, shown: Sequence[NodeRecord | Fold]) -> str:
    """What the picture leaves out, in words."""
    parts = []
    if count := sum(one.count for one in shown if isinstance(one, Fold)):
        parts.append(f"{count:,} are folded (dashed)")
    if record.left_out:
        parts.append(f"{record.left_out:,} earlier ones are not shown")
    return f"{len(record.nodes) + record.left_out:,} nodes: {', '.join(parts)}" if parts else ""


def _lines(one: NodeRecord | Fold) -> tuple[str, str]:
    """The two lines in a box."""
    if isinstance(one, Fold):
        return f"… {one.count:,} more", f"like {_short(one.like)}" if one.like else "nodes"
    return _short(one.name), _short(one.value)


def _short(text: str) -> str:
    """The first line of `text`, as much of it as fits."""
    line, _, rest = text.strip().partition("\n")
    line = " ".join(line.split())
    most = int((_WIDEST - 16) / _CHAR)
    if _columns(line) <= most and not rest:
        return line
    while _columns(line) > most - 1:
        line = line[: min(len(line) - 1, most)]
    return f"{line}…"


def _columns(text: str) -> int:
    """Width of `text` in columns of a fixed-width font."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _box(
    one: NodeRecord | Fold, lines: tuple[str, str], middle: float, top: float, width: float, *, is_output: bool
) -> str:
    kind = "fold" if isinstance(one, Fold) else one.kind
    round_ = _HEIGHT / 2 if kind == "parameter" else 5
    name, value = map(_xml, lines)
    return (
        f'<g class="{kind}{" output" if is_output else ""}"><title>{_xml(_title(one))}</title>'
        f'<rect x="{_n(middle - width / 2)}" y="{_n(top)}" width="{_n(width)}" height="{_HEIGHT}" rx="{_n(round_)}"/>'
        f'<text class="name" x="{_n(middle)}" y="{_n(top + 17)}">{name}</text>'
        f'<text class="value" x="{_n(middle)}" y="{_n(top + 31)}">{value}</text></g>'
    )


def _title(one: NodeRecord | Fold) -> str:
    if isinstance(one, Fold):
        return f"{one.count:,} more nodes" + (f" like {one.like}" if one.like else "")
    text = f" = {shortened(one.text, _TITLE_CHARS)}" if one.text else ""
    return f"{one.name}{text} ({one.kind})\n{shortened(one.value, _TITLE_CHARS)}"


def _edges(layout: Layout, edges: Sequence[tuple[int, int]], nodes: int, top: float) -> list[str]:
    """The lines and arrow heads; what several edges share is drawn once."""
    parts: dict[str, None] = {}
    for number, edge in enumerate(edges):
        if number not in layout.routes:
            parts[_loop(layout, edge[0], top)] = None
            continue
        is_back = number in layout.backward
        kind = "edge back" if is_back else "edge"
        route = layout.routes[number]
        for one, following in pairwise(route):
            parts[f'<path class="{kind}" d="{_curve(layout, one, following, nodes, top)}"/>'] = None
        place = layout.places[route[0] if is_back else route[-1]]
        tip = top + place.layer * _ROW + (_HEIGHT if is_back else 0)
        rise = 7 if is_back else -7
        tip = tip if is_back else tip - 0.5
        x = place.x + _MARGIN
        parts[f'<path class="head" d="M{_n(x)} {_n(tip)}l-3.5 {rise}h7z"/>'] = None
    return list(parts)


def _curve(layout: Layout, one: int, following: int, nodes: int, top: float) -> str:
    """From the bottom of a node or point to the top of the next; through a point the line is straight."""
    above, below = layout.places[one], layout.places[following]
    x1, y1 = above.x + _MARGIN, top + above.layer * _ROW + _HEIGHT
    x2, y2 = below.x + _MARGIN, top + below.layer * _ROW
    bend = (_ROW - _HEIGHT) * 0.55
    through = "" if following < nodes else f"V{_n(y2 + _HEIGHT)}"
    return f"M{_n(x1)} {_n(y1)}C{_n(x1)} {_n(y1 + bend)} {_n(x2)} {_n(y2 - bend)} {_n(x2)} {_n(y2)}{through}"


def _loop(layout: Layout, node: int, top: float) -> str:
    place = layout.places[node]
    x, y = place.x + _MARGIN, top + place.layer * _ROW
    return f'<path class="edge back" d="M{_n(x - 8)} {_n(y)}c-6 -16 22 -16 16 0"/>'


def _n(number: float) -> str:
    """A coordinate, to a tenth."""
    return f"{round(number, 1):g}" if abs(number) < 1e5 else f"{number:.0f}"


def _xml(text: str) -> str:
    """`text` as text of XML: escaped, with `�` for characters that XML has no way to write."""
    return escape(re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text))
