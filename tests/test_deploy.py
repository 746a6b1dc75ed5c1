"""compose.yaml, nginx.conf and docs/deploy.md speak of the same servers and of settings that exist."""

import re
from pathlib import Path

import yaml

from workbench.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PROXY = (ROOT / "deploy/nginx.conf").read_text()
APPS = [name for name, service in COMPOSE["services"].items() if "WORKBENCH_HOST" in service.get("environment", {})]


def test_the_proxy_asks_every_server_of_the_compose_file_and_no_other():
    port = COMPOSE["services"]["app1"]["environment"]["WORKBENCH_PORT"]
    assert len(APPS) >= 2
    assert sorted(re.findall(r"server (\S+):(\d+)", PROXY)) == sorted((name, port) for name in APPS)


def test_every_setting_of_the_compose_file_exists_and_is_read():
    environment = COMPOSE["services"]["app1"]["environment"]
    read = (ROOT / "workbench/settings.py").read_text()
    assert [name for name in environment if f'"{name}"' not in read] == []
    plain = {name: value for name, value in environment.items() if "$" not in value}
    settings = Settings.from_env(plain)
    assert (settings.host, settings.port, settings.root_path, settings.drain_seconds) == ("0.0.0.0", 7860, "/faces", 20)
    assert f"location {settings.root_path}/" in PROXY


def test_a_server_has_time_to_drain_and_to_push_before_it_is_killed():
    service = COMPOSE["services"]["app1"]
    drain = int(service["environment"]["WORKBENCH_DRAIN_SECONDS"])
    assert int(service["stop_grace_period"].rstrip("s")) >= drain + 25


def test_the_setting_for_several_servers_stand_in_the_docs():
    told = (ROOT / "docs/deploy.md").read_text()
    mine = ("ROOT_PATH", "DRAIN_SECONDS", "DATABASE_URL", "DATABASE_CONNECTIONS", "OWNER_TOKEN", "HUB_DATASET")
    assert [name for name in mine if f"WORKBENCH_{name}" not in told] == []
