"""The verbs as functions: prepare, train, evaluate, map, report, run, init, doctor, demo."""
