"""Every optimizer keeps the contract."""

from __future__ import annotations

from agentopt.testing.contracts import OptimizerContract


class TestGreedy(OptimizerContract):
    optimizer = "greedy:minibatch=2"


class TestGreedyOverPerturb(OptimizerContract):
    optimizer = "greedy"
    proposer = "perturb"


class TestRandom(OptimizerContract):
    optimizer = "random"


class TestSobol(OptimizerContract):
    optimizer = "sobol"


class TestOnePlusOne(OptimizerContract):
    optimizer = "one-plus-one"


class TestDifferentialEvolution(OptimizerContract):
    optimizer = "differential-evolution:population=4"


class TestTPE(OptimizerContract):
    optimizer = "tpe"


class TestCMAES(OptimizerContract):
    optimizer = "cmaes"


class TestZORank(OptimizerContract):
    optimizer = "zo-rank"


class TestZORankByJudge(OptimizerContract):
    optimizer = "zo-rank:judge=llm"


class TestZOTwoPoint(OptimizerContract):
    optimizer = "zo-two-point"


class TestBestOfN(OptimizerContract):
    optimizer = "best-of-n:n=6,minibatch=2"


class TestBeam(OptimizerContract):
    optimizer = "beam:minibatch=2"


class TestHalving(OptimizerContract):
    optimizer = "halving:optimizer=(random:batch=4),smallest=1,factor=2"


class TestHyperband(OptimizerContract):
    optimizer = "halving:optimizer=(random:batch=4),smallest=1,factor=2,brackets=3"


class TestHalvingAroundBeam(OptimizerContract):
    optimizer = "halving:optimizer=(beam:minibatch=2),smallest=1,factor=2"


class TestGEPA(OptimizerContract):
    optimizer = "gepa:minibatch=2,merge=true"
    proposer = "reflect"


class TestGEPAWithTheOriginalGate(OptimizerContract):
    optimizer = "gepa:minibatch=2,gate=sum"


class TestOPRO(OptimizerContract):
    optimizer = "opro:candidates=3"


class TestOptoPrime(OptimizerContract):
    optimizer = "optoprime:minibatch=2"


class TestTextGrad(OptimizerContract):
    optimizer = "textgrad:minibatch=2"


class TestDirectional(OptimizerContract):
    optimizer = "directional:minibatch=2"


class TestMIPRO(OptimizerContract):
    optimizer = "mipro:instructions=3,subset=2,full_every=2"
    proposer = "reflect"


class TestMixed(OptimizerContract):
    optimizer = "mixed:numbers=one-plus-one,text=(optoprime:minibatch=2)"


class TestMixedOfBatches(OptimizerContract):
    optimizer = "mixed:numbers=(random:batch=3),text=(gepa:minibatch=2),share=0.7"
    proposer = "reflect"
