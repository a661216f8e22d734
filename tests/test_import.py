"""Importing agentopt costs nothing and does nothing."""

from __future__ import annotations

import json
import subprocess
import sys

PROBE = """
import json, sys
before = set(sys.modules)
import agentopt
loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))
print(json.dumps({"loaded": loaded, "threads": __import__("threading").active_count()}))
"""


def in_fresh_process(code: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_import_loads_no_third_party_module_and_starts_nothing() -> None:
    assert in_fresh_process(PROBE) == {"loaded": ["agentopt"], "threads": 1}


def test_tracing_needs_no_third_party_module() -> None:
    use = "from agentopt import Parameter, bundle, trace\ntrace(bundle(lambda: 1))()"
    assert in_fresh_process(PROBE.replace("import agentopt\n", f"{use}\n"))["loaded"] == ["agentopt"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    import agentopt

    assert not hasattr(agentopt, "no_such_name")
