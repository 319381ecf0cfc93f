"""`make bench`: what the functions, a build and the rest cost, measured and written into docs/measurements.md."""
