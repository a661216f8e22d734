"""One real vLLM server for all tests of this folder, with a tiny model of random weights that is made for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentopt.llm.vllm_server import VLLMServer

VARIABLE = "AGENTOPT_TEST_VLLM"
ENVIRON = {
    "VLLM_TARGET_DEVICE": "cpu",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMServer]:
    """The server, from the environment whose Python the variable AGENTOPT_TEST_VLLM names."""
    python = Path(os.environ.get(VARIABLE, ".vllm/bin/python"))
    if not python.is_file():
        pytest.skip(f"no environment with vLLM: {python} is missing; `make vllm` makes one, or set {VARIABLE}")
    folder = tmp_path_factory.mktemp("vllm")
    maker = Path(__file__).with_name("tiny_model.py")
    subprocess.run([python, maker, folder / "tiny"], check=True, env={**os.environ, **ENVIRON}, capture_output=True)
    arguments = ["--served-model-name", "tiny", "--max-model-len", "8192", "--enforce-eager", "--seed", "0"]
    with VLLMServer(
        str(folder / "tiny"),
        arguments=arguments,
        python=python,
        environ=ENVIRON,
        log=folder / "vllm.log",
        ready_within_s=600,
    ) as server:
        yield server
