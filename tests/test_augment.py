import torch

from starlib.data.augment import VIEW_OF_STORE, _blurred, augment, view
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
    images, landmarks = view(blobs(points), points, 96)
    assert images.shape == (4, 3, 96, 96)
    assert images.min() >= -1 and images.max() <= 1
    torch.testing.assert_close(landmarks * VIEW_OF_STORE, points)
    torch.testing.assert_close(brightest(images), landmarks[:, 0], rtol=0, atol=0.01)


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


def test_augmentation_stays_within_its_limits_and_uses_them():
    generator = torch.Generator().manual_seed(0)
    count = 2000
    points = torch.tensor([[0.0, 0.0], [0.4, 0.0]]).repeat(34, 1).expand(count, 68, 2)
    pictures = torch.zeros(count, 3, 20, 20, dtype=torch.uint8)
    mirrored = (2, 1, 0, *range(3, 68))  # of two points at the same place
    plain = SCHEME.__class__("plain", (), mirrored, ((0,), (1,)))
    _, landmarks = augment(pictures, points, plain, 16, generator)
    shift, arm = landmarks[:, 0], landmarks[:, 1] - landmarks[:, 0]
    scale = arm.norm(dim=-1) * VIEW_OF_STORE / 0.4
    assert 0.9 <= scale.min() < 0.91 and 1.09 < scale.max() <= 1.1001
    angle = torch.rad2deg(torch.atan2(arm[:, 1], arm[:, 0].abs()))
    assert 17 < angle.abs().max() <= 18.01
    assert 0.45 < (arm[:, 0] < 0).float().mean() < 0.55  # flipped
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


def test_same_generator_state_gives_the_same_batch():
    points = torch.rand(3, 68, 2) - 0.5
    one, other = (
        augment(blobs(points), points, SCHEME, 32, torch.Generator().manual_seed(5))
        for _ in range(2)
    )
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


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
    least = sharpness(view(noise, torch.zeros(1, 68, 2), 48)[0])
    blurred = (sharpness(images) < 0.5 * least).float().mean()
    assert 0.24 < blurred < 0.36


def test_a_blurred_point_of_light_has_the_sigma_asked_for():
    points = torch.zeros(2, 3, 41, 41)
    points[:, :, 20, 20] = 1
    sigma = torch.tensor([0.0, 0.45])
    untouched, found = _blurred(points, sigma)
    assert torch.equal(untouched, points[0])
    offsets = torch.arange(41) - 20
    torch.testing.assert_close(found.sum((1, 2)), torch.ones(3))
    expected = torch.exp(-0.5 * (offsets / 0.45) ** 2)
    torch.testing.assert_close(found[0].sum(0), expected / expected.sum(), atol=1e-6, rtol=0)
