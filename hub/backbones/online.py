"""Whether weights can be fetched at all, asked before a downloader retries for a minute."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from hub.errors import DownloadError

_SECONDS = 5.0


def check_download(name: str, *, url: str | None, hub_id: str | None) -> None:
    """Fail at once where weights are neither in the cache nor reachable.

    ``HUB_OFFLINE=1`` and ``HF_HUB_OFFLINE=1`` forbid downloads. Behind a proxy the downloader itself finds out.

    Args:
        name: of the model, for the message.
        url: address of a file, as timm states it.
        hub_id: repository on the Hugging Face Hub, as timm states it.

    Raises:
        DownloadError: names the address and how to get the file there.
    """
    if _cached(url, hub_id):
        return
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    address = f"{endpoint}/{hub_id}" if hub_id else url
    if address is None:
        return
    fix = (
        "check the network connection, or download the file on another machine and pass "
        "pretrained='path/to/file.safetensors' (in a config: model.pretrained)"
    )
    if any(os.environ.get(key, "0") not in ("", "0") for key in ("HUB_OFFLINE", "HF_HUB_OFFLINE")):
        raise DownloadError(
            f"cannot download the pretrained weights of {name} from {address}: downloads are off (HUB_OFFLINE)", fix=fix
        )
    parts = urlsplit(address)
    if parts.scheme in getproxies():
        return
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_SECONDS).close()
    except OSError as error:
        raise DownloadError(
            f"cannot download the pretrained weights of {name} from {address}: {error}", fix=fix
        ) from error


def _cached(url: str | None, hub_id: str | None) -> bool:
    """Whether timm would find the file on this disk."""
    if hub_id:
        from huggingface_hub import try_to_load_from_cache

        files = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
        return any(isinstance(try_to_load_from_cache(hub_id, file), str) for file in files)
    if url:
        from torch.hub import get_dir

        return (Path(get_dir()) / "checkpoints" / Path(urlsplit(url).path).name).is_file()
    return False
