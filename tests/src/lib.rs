//! End-to-end tests on the real binary: `tests/tests/end_to_end/`. Python references with recorded output: `tests/parity/`.
