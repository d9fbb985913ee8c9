"""Sets the task's own defaults: how long and how fast a recognizer of digits is trained."""

from qdsl.train.loop import Stage

BINS = 40
WORDS = 32
"""Words in a batch."""

FLOAT = Stage(steps=7000, rate=2e-3, warmup=100)
QAT = Stage(steps=400, rate=2e-4, warmup=20, seed=1)
