"""Networks: the stacked hourglass, those of timm, and the released weights."""
