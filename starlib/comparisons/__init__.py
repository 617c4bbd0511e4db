"""Methods that STAR loss is compared with, one a file; `reference` has the literal equations."""
