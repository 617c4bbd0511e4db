import pytest
import torch

from starlib.data.augment import VIEW_OF_STORE, Draws, augment, view
from starlib.data.pixels import box_kernels, filtered, gaussian_kernels, noise_of
from starlib.schemes import SCHEMES

SCHEME = SCHEMES["300w"]


def blobs(points, size=120):
    """Stored crops [B, 3, size, size] with a bright blob at the first of the points [B, N, 2]."""
    positions = (2 * torch.arange(size) + 1) / size - 1
    dx = positions - points[:, 0, 0, None]
    dy = positions - points[:, 0, 1, None]
    light = torch.exp(-(dx[:, None] ** 2 + dy[:, :, None] ** 2) / (2 * 0.03**2))
    return light[:, None].mul(255).round().to(torch.uint8).expand(-1, 3, -1, -1)


def brightest(images):
    """Centre of light [B, 2] of each picture, in [-1, 1]."""
    light = (images.mean(1) + 1).clamp(min=0)
    positions = (2 * torch.arange(images.shape[-1]) + 1) / images.shape[-1] - 1
    total = light.sum((1, 2))
    return torch.stack(((light.sum(1) @ positions) / total, (light.sum(2) @ positions) / total), -1)


def test_view_is_the_middle_of_the_stored_crop():
    points = torch.rand(4, 68, 2) - 0.5
    images = view(blobs(points), 96)
    assert images.shape == (4, 3, 96, 96)
    assert images.min() >= -1 and images.max() <= 1
    torch.testing.assert_close(brightest(images), points[:, 0] / VIEW_OF_STORE, rtol=0, atol=0.01)


def test_augmented_landmarks_stay_on_the_pixels_they_mark():
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand(64, 68, 2, generator=generator) - 0.5) * 0.8
    stored = blobs(points)
    off = []
    for _ in range(4):
        images, landmarks = augment(stored, points, SCHEME, 96, generator)
        either = torch.stack([landmarks[:, 0], landmarks[:, SCHEME.flip[0]]])  # flipped or not
        off.append((brightest(images) - either).norm(dim=-1).amin(0))
    # Occluded pictures have their light elsewhere; three in five are not occluded.
    assert torch.cat(off).quantile(0.5) < 0.01


def moved(kind, reach):
    """Scale, angle in degrees, whether flipped, and shift of 2000 faces, from a point in the middle
    and one beside it."""
    points = torch.tensor([[0.0, 0.0], [reach, 0.0]]).repeat(34, 1).expand(2000, 68, 2)
    pictures = torch.zeros(2000, 3, 20, 20, dtype=torch.uint8)
    mirrored = (2, 1, 0, *range(3, 68))  # of two points at the same place
    plain = SCHEME.__class__("plain", (), mirrored, ((0,), (1,)))
    generator = torch.Generator().manual_seed(0)
    _, landmarks = augment(pictures, points, plain, 16, generator, kind=kind)
    shift, arm = landmarks[:, 0], landmarks[:, 1] - landmarks[:, 0]
    scale = arm.norm(dim=-1) * VIEW_OF_STORE / reach
    angle = torch.rad2deg(torch.atan2(arm[:, 1], arm[:, 0].abs()))
    return scale, angle, arm[:, 0] < 0, shift


def test_augmentation_stays_within_its_limits_and_uses_them():
    scale, angle, flipped, shift = moved("paper", 0.4)
    assert 0.9 <= scale.min() < 0.91 and 1.09 < scale.max() <= 1.1001
    assert 17 < angle.abs().max() <= 18.01
    assert 0.45 < flipped.float().mean() < 0.55
    assert shift.abs().max() <= 0.1 * 2**0.5 * 1.12


def test_flipped_faces_have_their_landmarks_renumbered():
    generator = torch.Generator().manual_seed(3)
    left = torch.tensor([-0.3, 0.0])
    points = torch.zeros(200, 68, 2)
    points[:, 36], points[:, 45] = left, -left
    _, landmarks = augment(
        torch.zeros(200, 3, 20, 20, dtype=torch.uint8), points, SCHEME, 16, generator
    )
    assert (landmarks[:, 36, 0] < landmarks[:, 45, 0]).all()


def test_shares_of_gray_and_occluded_pictures_are_as_listed():
    generator = torch.Generator().manual_seed(0)
    red = torch.zeros(1000, 3, 24, 24, dtype=torch.uint8)
    red[:, 0] = 255
    images, _ = augment(red, torch.zeros(1000, 68, 2), SCHEME, 16, generator)
    centre = images[:, :, 8, 8]
    gray = ((centre[:, 0] - centre[:, 1]).abs() < 1e-3).float().mean()
    assert 0.14 < gray < 0.26
    varied = (images.std((2, 3)).amax(1) > 0.2).float().mean()
    assert 0.3 < varied < 0.6


def sharpness(images):
    """Mean step between neighbouring pixels of each picture."""
    steps = (images.diff(dim=-1).abs().mean((1, 2, 3)), images.diff(dim=-2).abs().mean((1, 2, 3)))
    return sum(steps)


def test_three_pictures_in_ten_are_blurred_and_the_others_are_not():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (1, 3, 60, 60), dtype=torch.uint8, generator=generator)
    pictures = noise.expand(600, -1, -1, -1)
    images, _ = augment(pictures, torch.zeros(600, 68, 2), SCHEME, 48, generator)
    # Occlusion covers at most 0.4 x 0.4 of a picture; noise that has lost more is blurred.
    least = sharpness(view(noise, 48))
    blurred = (sharpness(images) < 0.5 * least).float().mean()
    assert 0.24 < blurred < 0.36


def test_a_blurred_point_of_light_has_the_sigma_asked_for():
    points = torch.zeros(2, 3, 41, 41)
    points[:, :, 20, 20] = 1
    sigma = torch.tensor([0.0, 0.45])
    untouched, found = filtered(points, gaussian_kernels(sigma, 2))
    assert torch.equal(untouched, points[0])
    offsets = torch.arange(41) - 20
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(3))
    expected = torch.exp(-0.5 * (offsets / 0.45) ** 2)
    torch.testing.assert_close(found[0].sum(0), expected / expected.sum(), atol=1e-6, rtol=0)


def test_a_box_blur_is_the_mean_over_its_side():
    points = torch.zeros(3, 1, 9, 9)
    points[:, :, 4, 4] = 1
    none, even, odd = filtered(points, box_kernels(torch.tensor([0.0, 2.0, 3.0]), 3))[:, 0, 4]
    assert torch.equal(none, points[0, 0, 4])
    torch.testing.assert_close(even, torch.tensor([0, 0, 0, 0, 1, 1, 0, 0, 0]) / 4)
    torch.testing.assert_close(odd, torch.tensor([0, 0, 0, 1, 1, 1, 0, 0, 0]) / 9)


def released(count, value=128, points=None, size=32):
    """Released augmentation of even pictures."""
    pictures = torch.full((count, 3, 40, 40), value, dtype=torch.uint8)
    points = torch.zeros(count, 68, 2) if points is None else points
    return augment(
        pictures, points, SCHEME, size, torch.Generator().manual_seed(1), kind="released"
    )


def test_released_geometry_has_the_listed_deviations():
    scale, angle, flipped, shift = moved("released", 0.1)
    assert 0.45 < flipped.float().mean() < 0.55
    assert float(scale.mean()) == pytest.approx(1, abs=0.01)
    assert float(scale.std()) == pytest.approx(0.1, rel=0.1)
    assert float(angle.std()) == pytest.approx(18, rel=0.1)
    # 0.05 of the crop's side, which is 2 long, and then scaled.
    assert float(shift.std()) == pytest.approx(0.1, rel=0.1)


def test_released_geometry_is_gaussian():
    count = 20_000
    draws = Draws(torch.Generator().manual_seed(0), count)
    values = draws.normal(-0.05, 0.05)
    assert abs(float(values.mean())) < 0.002
    assert 0.049 < float(values.std()) < 0.051
    within = [(values.abs() < k * 0.05).float().mean() for k in (1, 2, 3)]
    torch.testing.assert_close(
        torch.stack(within), torch.tensor([0.6827, 0.9545, 0.9973]), atol=0.01, rtol=0
    )


def test_released_landmarks_are_clamped_to_the_crop():
    points = torch.full((50, 68, 2), 0.99)
    assert released(50, points=points)[1].abs().max() == 1
    assert augment(
        torch.zeros(50, 3, 40, 40, dtype=torch.uint8), points, SCHEME, 32,
        torch.Generator().manual_seed(1),
    )[1].abs().max() > 1  # fmt: skip


def test_released_occlusion_is_black_and_two_in_five_have_it():
    images, _ = released(4000, 255)
    # The border may lie outside the picture. A rectangle of these sides meets the inner half of
    # the crop with a probability of 0.75 x 0.75.
    black = (images[:, :, 8:24, 8:24] < -0.6).any(1)
    assert 0.19 < black.flatten(1).any(1).float().mean() < 0.27
    rows, columns = black.any(2).sum(1), black.any(1).sum(1)
    assert 0.35 * 32 < rows.max() <= 0.4 * 32 + 1 < columns.max() <= 0.5 * 32


def test_released_gamma_and_noise_have_the_listed_shares_and_ranges():
    images, _ = released(6000, 128)
    centre = images[:, :, 15:17, 15:17].flatten(1)
    spread = centre.std(1)
    noisy = spread > 0.02
    assert 0.1 < noisy.float().mean() < 0.25  # 20 %, less those that are dark or hidden by gray
    even = ((centre.mean(1) + 1) / 2)[~noisy]
    changed = even[(even - 128 / 255).abs() > 0.02]
    visible = changed[changed > 0.01]  # not the black of the rectangles
    exponents = visible.log() / torch.tensor(128 / 255).log()
    assert 0.24 < exponents.min() < 0.35
    assert 3.4 < exponents.quantile(0.95) < 4.05  # black that is blurred lies beyond
    assert 0.35 < (exponents < 1).float().mean() < 0.65


def test_noise_is_even_and_its_cells_are_independent():
    noise = noise_of(torch.arange(40, dtype=torch.int32) * 411, 64)
    assert noise.shape == (40, 3, 64, 64)
    assert abs(float(noise.mean())) < 0.005
    assert abs(float(noise.std()) - 3**-0.5) < 0.005
    for axis in (0, 1, 2, 3):
        other = noise.roll(1, axis)
        assert abs(float((noise * other).mean())) < 0.005


def test_noise_is_that_of_the_committed_protocol():
    values = noise_of(torch.tensor([0, 77], dtype=torch.int32), 2)
    assert values[:, 0].add(1).mul(127.5).round().int().flatten().tolist() == [
        0, 192, 129, 221, 164, 17, 51, 173
    ]  # fmt: skip


def test_a_part_of_a_batch_is_augmented_as_in_the_whole():
    points = torch.rand(4, 68, 2) - 0.5
    pictures = blobs(points)
    for kind in ("paper", "released"):
        whole = augment(pictures, points, SCHEME, 32, torch.Generator().manual_seed(3), kind=kind)
        parts = [
            augment(
                pictures[k : k + 2], points[k : k + 2], SCHEME, 32,
                torch.Generator().manual_seed(3), (k // 2, 2), kind,
            )
            for k in (0, 2)
        ]  # fmt: skip
        for one, halves in zip(whole, zip(*parts, strict=True), strict=True):
            assert torch.equal(one, torch.cat(halves))


def test_nothing_as_large_as_the_pictures_is_drawn_on_the_processor():
    drawn = []

    class Counted(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if "rand" in str(func):
                drawn.append(result.numel())
            return result

    for kind in ("paper", "released"):
        with Counted():
            augment(
                torch.zeros(8, 3, 40, 40, dtype=torch.uint8, device="meta"),
                torch.zeros(8, 68, 2, device="meta"),
                SCHEME, 32, torch.Generator(), kind=kind,
            )  # fmt: skip
    assert drawn and max(drawn) <= 3 * 8
