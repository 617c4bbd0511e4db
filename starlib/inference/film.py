"""A video of drawn pictures."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

TICKS = 90_000  # of a second
USUAL = TICKS // 25  # between pictures whose time is not known


def write_film(path: Path, pictures: Iterable[tuple[float | None, Image.Image]]) -> None:
    """Write an .mp4 file (H.264, without sound) of RGB images, each shown from its time in seconds
    until the next one; all are as large as the first, by an even number of pixels."""
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream: Any = None
        for seconds, image in pictures:
            if stream is None:
                stream = container.add_stream("h264", rate=25, pix_fmt="yuv420p")
                stream.width, stream.height = image.width // 2 * 2, image.height // 2 * 2
                stream.codec_context.time_base = Fraction(1, TICKS)
                first, last = seconds or 0.0, -USUAL
            size = (stream.width, stream.height)
            whole = image if image.size == size else image.resize(size)
            frame = av.VideoFrame.from_image(whole)
            moment = last + USUAL if seconds is None else round((seconds - first) * TICKS)
            last = frame.pts = max(moment, last + 1)
            frame.time_base = Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
