"""What tests and benchmarks share: small worlds of real files, and values that are checked against."""
