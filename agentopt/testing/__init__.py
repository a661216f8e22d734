"""Contract suites and test doubles for those who extend agentopt; imports its public API only."""

from agentopt.testing.faults import Fault, FaultKind, RandomFaults
from agentopt.testing.server import LoopbackServer, ReceivedRequest

__all__ = ["Fault", "FaultKind", "LoopbackServer", "RandomFaults", "ReceivedRequest"]
