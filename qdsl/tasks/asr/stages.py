"""Sets the task's own defaults: how long and how fast a recognizer of digits is trained."""

from qdsl.recipes.model import Stage
from qdsl.recipes.schedule import Cosine

BINS = 40
FLOAT = Stage("float", 7000, lr=Cosine(2e-3, warmup=100, final=2e-5), batch=16)
QAT = Stage("qat", 400, lr=Cosine(2e-4, warmup=20, final=2e-6), seed=1)
