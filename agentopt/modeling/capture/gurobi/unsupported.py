"""Calls of gurobipy that the dialect refuses, each with why, and those that it may ignore."""

from __future__ import annotations

from collections.abc import Mapping

# They print, tune or free something: no model changes its meaning.
WITHOUT_MEANING = (
    "printAttr", "printStats", "printQuality", "display", "reset", "resetParams", "message", "terminate", "sync",
    "tune", "getTuneResult", "dispose", "close", "presolve", "setLogCallback", "discardConcurrentEnvs",
)  # fmt: skip
UNSUPPORTED: Mapping[str, str] = {
    "cbLazy": "rows added by a callback are not in the model",
    "cbCut": "rows added by a callback are not in the model",
    "feasRelaxS": "add the slack variables yourself, with their cost in the objective",
    "feasRelax": "add the slack variables yourself, with their cost in the objective",
    "addGenConstrExp": "an exponential is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrExpA": "an exponential is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrLog": "a logarithm is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrLogA": "a logarithm is neither linear nor quadratic; `addGenConstrPWL` approximates it",
    "addGenConstrSin": "a sine is neither linear nor quadratic",
    "addGenConstrCos": "a cosine is neither linear nor quadratic",
    "addGenConstrTan": "a tangent is neither linear nor quadratic",
    "addGenConstrLogistic": "a logistic function is neither linear nor quadratic",
    "addGenConstrPoly": "a polynomial is supported up to squares: write it as an expression",
    "addGenConstrNorm": "write the norm with `abs_`, `max_` or squares",
    "addGenConstrNL": "general nonlinear constraints are not supported",
    "addMQConstr": "write the constraint as an expression",
    "addMLinConstr": "use `addMConstr`",
    "optimizeAsync": "use `optimize`",
    "optimizeBatch": "use `optimize`",
    "singleScenarioModel": "several scenarios are several models",
    "setObjectiveNConstant": "put the constant into the expression",
    "getPoolSolution": "one solution is kept",
}
