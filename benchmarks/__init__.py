"""How fast Chibo answers beside a floor written by hand, on a province of 11,882 units.

Run as `python -m benchmarks` (`make bench`). It is no part of the product and no test: a timing is
never an assertion. What the figures mean stands in `benchmarks/README.md`.
"""
