"""Servers on loopback that stand for services of the internet in tests."""
