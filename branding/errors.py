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
