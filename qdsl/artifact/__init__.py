"""The packed file: which byte stands where, writing it, and reading it with distrust."""
