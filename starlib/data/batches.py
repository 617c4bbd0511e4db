"""Stored crops as the batches of a training: on the GPU where they fit, else read from the disk."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from starlib.data.crops import CropStore
from starlib.devices import to_device

GPU_SHARE = 0.25  # of a GPU's free memory that crops may take; several trainings may share it


class Faces:
    """The first `count` crops of a store for trainings on `device`.

    On a GPU the crops are copied there if they take at most GPU_SHARE of its free memory.
    Otherwise each batch is read from the memory-mapped store, so that memory does not grow with it.
    ValueError for infinite landmarks, which augmentation could turn into NaN, the unlabelled ones.
    """

    def __init__(self, crops: CropStore, count: int, device: torch.device):
        infinite = np.isinf(crops.landmarks[:count]).any((1, 2))
        if infinite.any():
            raise ValueError(
                "crops: expected finite landmarks, or NaN where unlabelled, "
                f"face {int(infinite.argmax())} has infinite ones"
            )
        self.stored, self.device, self.count = crops.images[:count], device, count
        self.landmarks = torch.from_numpy(crops.landmarks[:count]).to(device)
        self.images = torch.from_numpy(np.array(self.stored)).to(device) if self._fit() else None

    def _fit(self) -> bool:
        if self.device.type != "cuda":
            return False
        free, _ = torch.cuda.mem_get_info(self.device)
        return self.stored.nbytes <= GPU_SHARE * free

    def batches(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Images uint8 [B, 3, S, S] and landmarks [B, N, 2] of each row of order [steps, B]."""
        for here, there in zip(order.numpy(), to_device(order, self.device), strict=True):
            if self.images is None:
                images = to_device(torch.from_numpy(self.stored[here]), self.device)
            else:
                images = self.images[there]
            yield images, self.landmarks[there]
