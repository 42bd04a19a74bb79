"""The tests; a package so that benchmarks can use the worlds of the tests."""
