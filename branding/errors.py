"""What this room says no with. Each refusal names the fault and the cure."""


class ImageRejected(Exception):
    """The bytes cannot become a clean picture; `str()` tells what is wrong and the cure.

    `reason` is a stable word for machines: empty, unsupported_format, too_large_bytes,
    too_many_pixels, too_complex, damaged, transparent, svg_unsafe or svg_size.
    """

    code = "image_rejected"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class DecoderBusy(Exception):
    """Too many pictures are being decoded at this moment; the same bytes may be fine later."""

    code = "busy"
    retry_after_s = 5

    def __init__(self) -> None:
        super().__init__("Too many pictures are being read just now: upload it again in a moment.")
