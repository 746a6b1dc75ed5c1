"""Every choice that comes from the environment, read once and passed on. Only entry points hand `os.environ` in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import BadRequest

MEGA = 1_000_000


@dataclass(frozen=True)
class Settings:
    """How this process runs.

    cache: folder for fetched weights. data: folder for judgements and signing secrets (never weights, never photos).
    max_pixels and max_bytes: larger pictures are refused before decoding. working_side: photos are shown at most
    this many pixels wide or high. max_clip_seconds, max_clip_bytes: longer or larger clips are refused on the screen;
    the command line takes any. memory: bytes of loaded weights to keep before the least recently used is dropped.
    allowed_hosts: names the server answers to besides those of its own address (behind a proxy, the public name).
    proxies: how many proxies of one's own stand before the server, so that visitors are told apart by the address the
    outermost saw. photo_memory: bytes that photos being opened may take together; more wait. session_memory: bytes that
    open pages may keep between two clicks. upload_quota: bytes of uploads and results on disk at once.
    database_url: a PostgreSQL server that several servers may share, "" for a file in the data folder;
    database_connections: to it at once, from this process. root_path: the prefix a proxy puts before the addresses.
    drain_seconds: how long a server that is asked to end (SIGTERM) says that it is not ready and lets work finish.
    labels_url: a further place for judgements, an address that fsspec can write to, "" for none.
    models: TOML files with models of one's own, besides models.toml in the data folder. mcp: agents may call the
    endpoints of the API by the Model Context Protocol.
    offline: never open a connection. hub_endpoint: address of the Hub, "" for huggingface.co. space: the process runs
    on Hugging Face Spaces. oauth: where the Hub says who is signed in.
    zero_gpu: it runs on one that is lent a graphics card per call. device: "auto" (CUDA, else
    MPS, else the processor), "cpu", "cuda", "cuda:1", "mps"; `workbench.devices.choose` says which it is here.
    runtime: "auto" (on processors, in 8 bits where a network ships so) or "torch"; `workbench.devices.reads` decides.
    """

    cache: Path
    data: Path
    host: str = "127.0.0.1"
    port: int = 7860
    offline: bool = False
    space: bool = False
    zero_gpu: bool = False
    device: str = "auto"
    runtime: str = "auto"
    threads: int = 0
    max_pixels: int = 60 * MEGA
    max_bytes: int = 40 * MEGA
    max_clip_seconds: int = 600
    max_clip_bytes: int = 400 * MEGA
    working_side: int = 2048
    memory: int = 1_500 * MEGA
    photo_lifetime: int = 3600
    owner_token: str = ""
    allowed_hosts: tuple[str, ...] = ()
    proxies: int = 0
    photo_memory: int = 2_000 * MEGA
    session_memory: int = 1_000 * MEGA
    upload_quota: int = 10_000 * MEGA
    hub_token: str = ""
    hub_endpoint: str = ""
    prolific_token: str = ""
    prolific_address: str = ""
    hub_dataset: str = ""
    labels_url: str = ""
    database_url: str = ""
    database_connections: int = 8
    root_path: str = ""
    drain_seconds: int = 0
    models: tuple[str, ...] = ()
    mcp: bool = False
    oauth: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read WORKBENCH_* variables (and the ones Spaces and the Hub define) from `env`, usually `os.environ`.

        Raises BadRequest when a number is not a number or not positive, or a device has no such name.
        """
        space = bool(env.get("SPACE_ID"))
        home = Path(env.get("XDG_CACHE_HOME") or Path(env.get("HOME", "/tmp")) / ".cache")
        return cls(
            cache=Path(env.get("WORKBENCH_CACHE") or home / "face-workbench").expanduser(),
            data=Path(
                env.get("WORKBENCH_DATA") or ("/data" if space and Path("/data").is_dir() else "data")
            ).expanduser(),
            host=env.get("WORKBENCH_HOST") or env.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if space else cls.host),
            port=_positive(env, "WORKBENCH_PORT", _positive(env, "GRADIO_SERVER_PORT", cls.port)),
            offline=env.get("WORKBENCH_OFFLINE", "") in ("1", "true", "yes"),
            space=space,
            zero_gpu=env.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true"),
            device=_device(env),
            runtime=_runtime(env),
            threads=_positive(env, "WORKBENCH_THREADS", 0),
            max_pixels=_positive(env, "WORKBENCH_MAX_PIXELS", cls.max_pixels),
            max_bytes=_positive(env, "WORKBENCH_MAX_BYTES", cls.max_bytes),
            max_clip_seconds=_positive(env, "WORKBENCH_MAX_CLIP_SECONDS", cls.max_clip_seconds),
            max_clip_bytes=_positive(env, "WORKBENCH_MAX_CLIP_BYTES", cls.max_clip_bytes),
            working_side=_positive(env, "WORKBENCH_WORKING_SIDE", cls.working_side),
            memory=_positive(env, "WORKBENCH_MEMORY_MB", cls.memory // MEGA) * MEGA,
            photo_lifetime=_positive(env, "WORKBENCH_PHOTO_LIFETIME", cls.photo_lifetime),
            owner_token=env.get("WORKBENCH_OWNER_TOKEN", ""),
            allowed_hosts=tuple(
                name.strip() for name in env.get("WORKBENCH_ALLOWED_HOSTS", "").split(",") if name.strip()
            ),
            proxies=_positive(env, "WORKBENCH_PROXIES", 1 if space else cls.proxies),
            photo_memory=_positive(env, "WORKBENCH_PHOTO_MEMORY_MB", cls.photo_memory // MEGA) * MEGA,
            session_memory=_positive(env, "WORKBENCH_SESSION_MEMORY_MB", cls.session_memory // MEGA) * MEGA,
            upload_quota=_positive(env, "WORKBENCH_UPLOAD_QUOTA_MB", cls.upload_quota // MEGA) * MEGA,
            hub_token=env.get("HF_TOKEN", ""),
            hub_endpoint=env.get("HF_ENDPOINT", ""),
            prolific_token=env.get("PROLIFIC_TOKEN", ""),
            prolific_address=env.get("PROLIFIC_ADDRESS", ""),
            hub_dataset=env.get("WORKBENCH_HUB_DATASET", ""),
            labels_url=env.get("WORKBENCH_LABELS_URL", ""),
            database_url=env.get("WORKBENCH_DATABASE_URL", ""),
            database_connections=_positive(env, "WORKBENCH_DATABASE_CONNECTIONS", cls.database_connections),
            root_path=_prefix(env),
            drain_seconds=_positive(env, "WORKBENCH_DRAIN_SECONDS", cls.drain_seconds),
            mcp=env.get("WORKBENCH_MCP", "") in ("1", "true", "yes"),
            oauth=space and bool(env.get("OAUTH_CLIENT_ID")) and bool(env.get("OAUTH_CLIENT_SECRET")),
            models=tuple(name.strip() for name in env.get("WORKBENCH_MODELS", "").split(",") if name.strip()),
        )

    def __repr__(self) -> str:
        """Without the token and secrets, so that a logged Settings gives nothing away."""
        return (
            f"Settings(cache={str(self.cache)!r}, data={str(self.data)!r}, device={self.device!r}, "
            f"offline={self.offline})"
        )


def _positive(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) == 0:
        raise BadRequest(f"{name} must be a whole number above 0, got {text!r}.")
    return int(text)


def _prefix(env: Mapping[str, str]) -> str:
    text = (env.get("WORKBENCH_ROOT_PATH") or env.get("GRADIO_ROOT_PATH") or "").rstrip("/")
    if text and not re.fullmatch(r"(https?://[^/?#\s]+)?(/[A-Za-z0-9._~-]+)*", text):
        raise BadRequest(f"WORKBENCH_ROOT_PATH must be a path as /faces or an address that ends so, got {text!r}.")
    return text


def _device(env: Mapping[str, str]) -> str:
    text = env.get("WORKBENCH_DEVICE") or "auto"
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,2})?", text):
        raise BadRequest(f"WORKBENCH_DEVICE must be auto, cpu, cuda, cuda:NUMBER or mps, got {text!r}.")
    return text


def _runtime(env: Mapping[str, str]) -> str:
    text = env.get("WORKBENCH_RUNTIME") or "auto"
    if text not in ("auto", "torch"):
        raise BadRequest(f"WORKBENCH_RUNTIME must be auto or torch, got {text!r}.")
    return text
