"""What is predicted is what is written, for any model: to the byte, and read back equal."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from qdsl.artifact.container import read, write
from qdsl.artifact.schema import model_to_json
from qdsl.passes import run_passes
from qdsl.size.report import size


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), seed=st.integers(0, 1 << 16))
def test_size_is_the_length_of_the_file(models, tensors_of, tmp_path_factory, data, seed):
    source = data.draw(models)
    model = run_passes(source)
    report = size("any", source, model, lambda storage: "reference")
    tensors = tensors_of(model, seed)
    path = tmp_path_factory.getbasetemp() / "any.qpack"

    written = write(path, model, tensors.__getitem__)

    assert report.total_bytes == written == path.stat().st_size
    assert report.total_bytes == report.header_bytes + sum(row.total_bytes for row in report.rows)
    assert report.float32_bytes == 4 * sum(s.parameter.numel for s in source.storages)
    artifact = read(path)
    assert model_to_json(artifact.model) == model_to_json(model)
    for key, value in tensors.items():
        assert np.array_equal(artifact.tensor(key), value)
    with safe_open(path, "np") as file:
        assert set(file.keys()) == set(tensors)
