"""A picture as the file that people and programs open."""

from gateway.images.ends import BMP_MAGIC, JPEG_MAGIC, PNG_MAGIC
from gateway.images.png import png_of
from gateway.ports import Picture

_FORMS = {PNG_MAGIC: "png", JPEG_MAGIC: "jpg", BMP_MAGIC: "bmp"}


def image_file(picture: Picture) -> "tuple[str, bytes | memoryview]":
    """Its ending without a dot, and its content: an encoded picture as it came, raw pixels as a PNG, which takes time.

    Raises ValueError for pixels that do not fit their own format.
    """
    form = form_of(picture)
    return form, picture.data if picture.raw is None else png_of(picture.data, picture.raw)


def form_of(picture: Picture) -> str:
    """The ending alone, at once."""
    if picture.raw is not None:
        return "png"
    start = bytes(memoryview(picture.data)[:8])
    return next((form for magic, form in _FORMS.items() if start.startswith(magic)), "bin")
