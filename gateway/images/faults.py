"""What is wrong with an image, before anybody has decoded it."""

from dataclasses import dataclass

from gateway.core.result import Reason


@dataclass(frozen=True, slots=True)
class ImageFault:
    """Why an image goes no further: the reason for the PLC, and a text for people that follows its name."""

    reason: Reason
    text: str

    def __str__(self) -> str:
        return self.text


def broken(text: str) -> ImageFault:
    """It is no whole image."""
    return ImageFault(Reason.NOT_AN_IMAGE, text)


def unusable(text: str) -> ImageFault:
    """It is an image, but of a kind that PEKAT does not take."""
    return ImageFault(Reason.PIXEL_FORMAT, text)
