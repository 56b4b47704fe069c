"""The light augmentation of MAE and I-JEPA: sizes of crops and probability of flips as in the papers."""

from pathlib import Path

import numpy as np
import pytest

from tests.core.tasks.cases import objective_of


@pytest.mark.parametrize(
    ("name", "smallest", "mirrored"),
    [("masked_autoencoder", 0.2, 0.5), ("joint_embedding_prediction", 0.3, 0.0)],
)
def test_crops_reach_their_whole_range(
    name: str, smallest: float, mirrored: float, request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of(name, request, cache)
    drawn = objective._crops.draw(np.arange(4000), 1, 16)
    top, left, height, width = drawn["view/box"].double().unbind(1)
    share = (height * width / 16**2).numpy()
    assert share.min() == pytest.approx(smallest, abs=0.01)
    assert share.max() == pytest.approx(1.0, abs=0.02)
    # If a drawn shape does not fit, another is drawn, which makes small crops slightly more frequent.
    assert share.mean() == pytest.approx((1 + smallest) / 2, abs=0.1)
    assert min(top.min(), left.min()) >= 0
    assert max((top + height).max(), (left + width).max()) <= 16 + 1e-4
    assert drawn["view/flip"].float().mean().item() == pytest.approx(mirrored, abs=0.03)
    assert not {"view/jitter", "view/gray", "view/blur", "view/solarize"} & drawn.keys()
