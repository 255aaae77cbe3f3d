"""The images that PEKAT drew for the last inspections: put there by inspecting threads, taken by whoever shows them."""

from collections import OrderedDict
from threading import Lock


class Drawings:
    """The last `size` images, whole. Safe for many threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = Lock()
        self._images: OrderedDict[int, bytes] = OrderedDict()

    def put(self, inspection_id: int, image: bytes) -> None:
        """Keep one more; the oldest one goes."""
        with self._lock:
            self._images[inspection_id] = image
            if len(self._images) > self._size:
                self._images.popitem(last=False)

    def find(self, inspection_id: int) -> bytes | None:
        """The image of this inspection, as long as it is kept."""
        with self._lock:
            return self._images.get(inspection_id)
