"""Says how large a spec may grow: what exceeds a limit is a finding, never a hang.

They leave room for a model of 10,000 layers no two of which are alike, and stop a file within about
a second: a unit of work takes some microseconds.
"""

from qdsl.ir.shape import Dim

MAX_DEPTH = 32  # blocks within blocks, calls within calls
MAX_IMPORTS = 32  # files that import each other in a row
MAX_REPEAT = 100_000  # elements of one `repeat`, rounds of one `for`
MAX_PARTS = 40_000  # layers, blocks and weights of all variants of a file, unrolled
MAX_MATCHES = 150_000  # what rules match, over all variants of a file
MAX_PARAMETERS = 10**12  # numbers in the weights of one model
MAX_OPERATIONS = 40_000  # operations of the entries of all variants of a file, unrolled
MAX_WORK = 350_000  # expressions evaluated and operations made, weighted
MAX_ARRAY = 10_000  # elements of an array, those of its arrays included
MAX_RANK = 16  # axes of a tensor
MAX_DIM = 100  # names and numbers in the formula of one dim
MAX_INTEGER = 1 << 62

# what each step adds to the work
EXPRESSION, ELEMENT, OPERATION, RULE = 1, 8, 20, 20


def dim_size(d: Dim) -> int:
    """Names and numbers in the formula."""
    size = 0
    for product, _ in d.terms:
        size += 1
        for atom in product:
            if isinstance(atom, str):
                size += 1
            else:
                size += dim_size(atom.numerator) + dim_size(atom.denominator)
    return size


def dim_is_too_large(d: Dim) -> bool:
    """Whether a formula is longer, or a number in it larger, than anything that is meant."""
    return any(abs(c) > MAX_INTEGER for _, c in d.terms) or dim_size(d) > MAX_DIM
