import numpy as np

from knowledge.onnx_model import rounded


def test_weights_take_seven_bits_so_that_two_products_fit_in_sixteen():
    matrix = np.random.default_rng(1).standard_normal((64, 8)).astype(np.float32)

    whole, _ = rounded(matrix)

    assert whole.dtype == np.int8
    assert np.abs(whole).max() == 63
    assert np.iinfo(np.int16).max >= 2 * 255 * 63


def test_each_column_has_its_own_scale_so_that_a_large_one_does_not_drown_a_small_one():
    matrix = np.array([[1000.0, 0.001], [-500.0, -0.0005]], dtype=np.float32)

    whole, scale = rounded(matrix)

    assert np.allclose(whole * scale, matrix, rtol=0.02)


def test_a_column_of_zeros_stays_zero():
    whole, scale = rounded(np.zeros((4, 2), dtype=np.float32))

    assert not whole.any()
    assert np.isfinite(scale).all()
