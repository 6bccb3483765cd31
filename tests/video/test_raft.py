from __future__ import annotations

import numpy as np
import pytest

from askew.errors import DataNotFound, InputError

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("cv2")

from safetensors.torch import save_file  # noqa: E402
from torchvision.models.optical_flow import raft_small  # noqa: E402
from torchvision.transforms._presets import OpticalFlow  # noqa: E402

from askew.learn.raft import load_raft, raft_flow, raft_tracker  # noqa: E402


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return raft_small(weights=None).eval()


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_weights_from_a_file_give_torchvisions_flow(tmp_path, network):
    """Against torchvision's own preparation, on frames that need no padding, and cropped back on frames that do."""
    rng = np.random.default_rng(0)
    one, two = rng.integers(0, 256, (2, 136, 144, 3), dtype=np.uint8)
    torch.save(network.state_dict(), tmp_path / "raft.pth")
    save_file(network.state_dict(), tmp_path / "raft.safetensors")
    prepared = OpticalFlow()(*(torch.from_numpy(x[None, :, :, ::-1].copy()).permute(0, 3, 1, 2) for x in (one, two)))
    with torch.inference_mode():
        want = network(*prepared, num_flow_updates=3)[-1][0].permute(1, 2, 0).numpy()
    for name in ("raft.pth", "raft.safetensors"):
        got = raft_flow(load_raft(tmp_path / name), updates=3)(one, two)
        assert np.allclose(got, want, atol=1e-3)
    assert raft_flow(network, updates=1)(one[:100, :90], two[:100, :90]).shape == (100, 90, 2)


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_the_tracker_follows_it_and_keeps_it(tmp_path, network):
    import cv2

    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), rng.integers(0, 256, (128, 128, 3), dtype=np.uint8))
    torch.save(network.state_dict(), tmp_path / "raft.pth")
    options = {"cache": tmp_path / "cache", "updates": 1, "grid_px": 1}
    tracker = raft_tracker(folder, tmp_path / "raft.pth", **options)
    frames = [cv2.imread(str(folder / f"{number}.png")) for number in range(3)]
    flow = raft_flow(network, updates=1)(frames[0], frames[1])
    moved = tracker.track(np.array([[60, 60, 65, 65]], np.float32), 0, 1)
    assert np.allclose(moved[0, :2] - 60, flow[62, 62], rtol=2e-3, atol=1e-3)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    again = raft_tracker(folder, tmp_path / "raft.pth", **options)
    assert np.array_equal(again.flow.fields, tracker.flow.fields)


def test_weights_that_are_none(tmp_path):
    with pytest.raises(DataNotFound, match="no such file"):
        load_raft(tmp_path / "none.pth")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"fits neither .* \(1 tensors\)"):
        load_raft(tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        load_raft(tmp_path / "text.pth")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(InputError, match="cannot be read"):
        load_raft(tmp_path / "text.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="does not hold named tensors"):
        load_raft(tmp_path / "list.pth")


def test_damaged_weights_are_one_line(tmp_path):
    """Before, some of them were IndexError, struct.error or AssertionError of torch's reader."""
    rng = np.random.default_rng(0)
    path = tmp_path / "raft.pth"
    torch.save({"a": torch.zeros(3, 4), "b": torch.arange(5)}, path, _use_new_zipfile_serialization=False)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(300):
        damaged = whole[: rng.integers(len(whole))].copy() if rng.random() < 0.5 else whole.copy()
        damaged[rng.integers(len(damaged), size=4) if len(damaged) else []] = rng.integers(256)
        path.write_bytes(damaged.tobytes())
        with pytest.raises(InputError, match="weights: ") as caught:
            load_raft(path)
        assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_weights_that_give_no_flow_are_refused(tmp_path, network):
    import cv2

    weights = {name: torch.full_like(value, torch.nan) for name, value in network.state_dict().items()}
    torch.save(weights, tmp_path / "raft.pth")
    for number in range(2):
        (tmp_path / "f").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "f" / f"{number}.png"), np.full((128, 128, 3), 50 * number, np.uint8))
    with pytest.raises(InputError, match="flow: is not finite"):
        raft_tracker(tmp_path / "f", tmp_path / "raft.pth", updates=1, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
