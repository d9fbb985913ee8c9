"""Checks the memory of results: what is given back is used again, what is in use never is."""

import resource

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.fx.ops import backend, operation

PAGES = 4096
backend("cpu")  # registers


def result(number, elements):
    """A tensor [1, elements] of one number that an operation of the back end makes."""
    return operation("round", "default")(torch.full((1, elements), float(number)), "int8_token")


def is_filled(tensor, number):
    return torch.allclose(tensor, torch.tensor(float(number)), rtol=1e-6)


# of 64 KiB to 4 MiB, so that some are kept, and some in huge pages; below that, malloc's
sizes = st.sampled_from([100, 1 << 14, (1 << 14) + 1, 40_000, 1 << 16, 1 << 19, (1 << 20) - 7])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(sizes, st.integers(0, 5)), min_size=1, max_size=40))
def test_results_in_use_keep_their_numbers(steps):
    used = {}
    for number, (elements, place) in enumerate(steps, 1):
        used.pop(place, None)
        used[place] = number, result(number, elements)
        assert all(is_filled(tensor, n) for n, tensor in used.values())


def test_one_kept_for_views_is_not_taken():
    whole = result(1, 1 << 19)
    part = whole[:, 5:]
    del whole
    others = [result(n, 1 << 19) for n in range(2, 6)]
    assert is_filled(part, 1)
    assert len({t.data_ptr() for t in (part, *others)}) == 5


def test_no_new_pages_for_the_same_results():
    x = torch.ones(1, PAGES * 1024)
    function = operation("round", "default")

    def faults():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        first = function(x, "int8_token")
        function(first, "int8_token")
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults()
    found = sum(faults() for _ in range(5))
    assert found < PAGES  # of the 2 * 5 * 4,096 pages of the results
