"""Any model, written out as a gurobipy program, is captured as the same model."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from agentopt.modeling.capture.harness import capture
from agentopt.modeling.model import Column, Indicator, Model, Objective, Row, SpecialOrderedSet

_KINDS = {"continuous": "C", "integer": "I", "semicontinuous": "S", "semiinteger": "N"}


def program_of(model: Model) -> str:
    """A gurobipy program that builds `model` and solves it for no time."""
    place = model.column_index
    lines = [
        "import gurobipy as gp",
        f"m = gp.Model({model.name!r})",
        "m.Params.TimeLimit = 0.01",
        "inf = float('inf')",
    ]
    lines += [
        f"x{place[c.name]} = m.addVar({c.lower!r}, {c.upper!r}, vtype={'B' if c.is_binary else _KINDS[c.type]!r}, "
        f"name={c.name!r})"
        for c in model.columns
    ]

    def sum_of(part: Row | Objective) -> str:
        terms = [f"{value!r} * x{place[name]}" for name, value in part.coefficients.items()]
        terms += [f"{value!r} * x{place[a]} * x{place[b]}" for (a, b), value in part.quadratic.items()]
        return " + ".join(["gp.LinExpr()", *terms])

    for row in model.rows:
        bounded = f"({sum_of(row)}) == [{row.lower!r}, {row.upper!r}]"
        if row.indicator is not None:
            bounded = f"(x{place[row.indicator.column]} == {row.indicator.value}) >> ({bounded})"
        lines.append(f"m.addConstr({bounded}, {row.name!r})")
    lines += [
        f"m.addSOS({s.type}, [{', '.join(f'x{place[n]}' for n in s.weights)}], {list(s.weights.values())!r})"
        for s in model.sets
    ]
    sense = "MAXIMIZE" if model.objective.sense == "maximize" else "MINIMIZE"
    lines.append(f"m.setObjective({sum_of(model.objective)} + {model.objective.constant!r}, gp.GRB.{sense})")
    return "\n".join([*lines, "m.optimize()"])


_NUMBERS = st.floats(-100, 100).filter(lambda value: value != 0 and abs(value) > 1e-9)
_TERMS = st.dictionaries(st.sampled_from(["x", "y", "z"]), _NUMBERS)
_PRODUCTS = st.dictionaries(st.sampled_from([("x", "x"), ("x", "y"), ("y", "z")]), _NUMBERS)
_BOUNDS = st.tuples(st.sampled_from([-1.5, 0.0, -float("inf")]), st.sampled_from([0.0, 2.5, float("inf")]))


@given(
    kinds=st.lists(st.sampled_from(["continuous", "integer", "semicontinuous"]), min_size=2, max_size=2),
    rows=st.lists(st.tuples(_TERMS, _PRODUCTS, _BOUNDS, st.sampled_from([None, 0, 1])), max_size=3),
    goal=st.tuples(_TERMS, _PRODUCTS, _NUMBERS, st.sampled_from(["minimize", "maximize"])),
    weights=st.lists(_NUMBERS, min_size=3, max_size=3, unique=True),
)
@settings(max_examples=40, derandomize=True, deadline=None)
def test_any_model_survives_being_written_as_a_program(kinds, rows, goal, weights) -> None:  # type: ignore[no-untyped-def]
    columns = [Column(name=name, lower=-1.0, upper=3.5, type=kind) for name, kind in zip("xy", kinds)]
    model = Model(
        name="any",
        columns=(*columns, Column(name="z", upper=1.0, type="integer")),
        rows=tuple(
            Row(
                name=f"row {number}",
                lower=bounds[0],
                upper=bounds[1],
                coefficients=terms,
                quadratic=products,
                indicator=None if value is None else Indicator(column="z", value=value),
            )
            for number, (terms, products, bounds, value) in enumerate(rows)
        ),
        objective=Objective(coefficients=goal[0], quadratic=goal[1], constant=goal[2], sense=goal[3]),
        sets=(SpecialOrderedSet(name="sos0", type=2, weights=dict(zip("xyz", weights))),),
    )

    result = capture(program_of(model))

    assert result["error"] is None, result
    assert Model.from_json(result["models"][-1]) == model
