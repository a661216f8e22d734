"""Contract suites and test doubles for those who extend agentopt; imports its public API only."""
