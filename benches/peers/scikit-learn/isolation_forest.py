"""isolation_forest.py FILE COLUMNS: answers every line on standard input with the CPU seconds of one fit and score.

FILE holds rows of COLUMNS little-endian doubles, NaN for null. They are read once, before the first question. One job, as that
takes the least CPU.
"""

import resource
import sys

import numpy
from sklearn.ensemble import IsolationForest


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def sample(rows, seed):
    start = cpu_seconds()
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=seed)
    scores = forest.fit(rows).score_samples(rows)
    taken = cpu_seconds() - start
    assert scores.shape == (len(rows),)
    return taken


rows = numpy.fromfile(sys.argv[1], dtype="<f8").reshape(-1, int(sys.argv[2]))
for seed, _ in enumerate(sys.stdin):
    print(sample(rows, seed), flush=True)
