"""Every proposer keeps the contract."""

from __future__ import annotations

from agentopt.testing.contracts import ProposerContract


class TestOptoPrime(ProposerContract):
    proposer = "optoprime:candidates=2"


class TestPerturb(ProposerContract):
    proposer = "perturb"


class TestReflect(ProposerContract):
    proposer = "reflect"


class TestTextGrad(ProposerContract):
    proposer = "textgrad"


class TestDirectional(ProposerContract):
    proposer = "directional"


class TestOPRO(ProposerContract):
    proposer = "opro:candidates=3"
