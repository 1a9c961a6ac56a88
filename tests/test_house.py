"""The house around the code: rooms, locks, page, image, compose file, and a newcomer's commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(ROOT.glob("requirements*.txt"))
LOCK_LINE = re.compile(
    r"#.*|[\w.\-]+(\[.*\])?==\S+( ; .+)? \\| {4}--hash=sha256:[0-9a-f]{64}( \\)?"
)
SECRETS = {"CHIBO_NEO4J_PASSWORD": "tree-password", "CHIBO_POSTGRES_PASSWORD": "records-password"}
PROVIDER = {
    "CHIBO_JWKS_URL": "https://provider.example/keys",
    "CHIBO_JWT_ISSUER": "https://provider.example",
    "CHIBO_JWT_AUDIENCE": "chibo",
}


def text(*path: str) -> str:
    return ROOT.joinpath(*path).read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(text("docker-compose.yml"))
    return parsed


def test_the_rooms_import_one_way() -> None:
    """Every contract of `pyproject.toml` is kept."""
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_a_hash_for_every_package_and_no_host(lock: Path) -> None:
    """Whatever index a machine has, it installs these very files."""
    assert all(LOCK_LINE.fullmatch(line) for line in text(lock.name).splitlines())
    assert "://" not in text(lock.name)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """A dependency that is new in `pyproject.toml` is in the lock too (`make lock`)."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    locked = text("requirements-test.txt")
    names = [re.match(r"[\w.\-]+", one)[0].lower() for one in asked]  # type: ignore[index]
    assert [
        name for name in names if f"\n{name}==" not in locked and f"\n{name}[" not in locked
    ] == []


def test_what_tests_run_on_is_what_is_served() -> None:
    """The lock of the tests holds every package of the lock that is served, at the same version."""
    served = _versions(ROOT / "requirements.txt")
    tested = _versions(ROOT / "requirements-test.txt")
    assert served.items() <= tested.items()


def _versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.\-]+)(?:\[.*?\])?==(\S+)", text(lock.name), re.M))


@pytest.mark.parametrize("folder", [("page",), ("tests", "clients")], ids="/".join)
def test_npm_packages_are_locked_without_a_host(folder: tuple[str, ...]) -> None:
    """`package-lock.json` holds versions and hashes, and fetches from where npm is told to."""
    lock = json.loads(text(*folder, "package-lock.json"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all("resolved" not in package for package in packages.values())
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    wanted = json.loads(text(*folder, "package.json"))
    for name, version in (wanted.get("dependencies", {}) | wanted["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """No CDN: what the page names lies beside it."""
    for file in ("index.html", "page.jsx", "page.css", "workers.js"):
        assert not re.search(r"https?:|[\"'(]//", text("page", file))


def test_the_compose_file_holds_no_password() -> None:
    """Every password comes from the environment, and is asked for where it is missing."""
    for service in compose()["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|AUTH$", name):
                assert re.search(r"\$\{\w+_PASSWORD:\?", value), name
            assert not re.search(r"://[^/$@]*:[^/$@]+@", value), name


def test_every_service_has_a_health_check_and_chibo_waits_for_both_stores() -> None:
    """Chibo starts once its stores answer, and reaches them by the names they have."""
    services = compose()["services"]
    assert all(service["healthcheck"]["test"] for service in services.values())
    waits = services["chibo"]["depends_on"]
    assert {name: wait["condition"] for name, wait in waits.items()} == dict.fromkeys(
        services.keys() - {"chibo"}, "service_healthy"
    )
    addresses = " ".join(services["chibo"]["environment"].values())
    assert all(f"{name}:" in addresses for name in waits)


def test_what_the_services_store_lies_in_named_volumes() -> None:
    """A container may be thrown away without its data."""
    parsed = compose()
    mounted = [
        volume.split(":")[0]
        for service in parsed["services"].values()
        for volume in service["volumes"]
    ]
    assert sorted(mounted) == sorted(parsed["volumes"])


def test_the_settings_of_the_compose_file_exist() -> None:
    """Chibo is given no variable that it does not know, and all those of a server for others."""
    given = set(compose()["services"]["chibo"]["environment"])
    assert given <= set(Settings.variables())
    assert given >= PROVIDER.keys()


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    """The table of `docs/operating.md` is the list of settings, in their order."""
    documented = re.findall(r"^\| `(CHIBO_\w+)` \|", text("docs", "operating.md"), re.M)
    assert documented == list(Settings.variables())


def test_docker_takes_the_compose_file_with_its_variables_and_refuses_it_without() -> None:
    """Asked of the real client where there is one; the tests above hold without it."""
    if not _has_compose():
        return
    assert _config(SECRETS | PROVIDER).returncode == 0
    for name in SECRETS:
        refused = _config(
            {key: value for key, value in (SECRETS | PROVIDER).items() if key != name}
        )
        assert refused.returncode != 0
        assert name in refused.stderr


def _has_compose() -> bool:
    return shutil.which("docker") is not None and (
        subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0
    )


def _config(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("CHIBO_")}
    return subprocess.run(
        ["docker", "compose", "--env-file", os.devnull, "config", "--quiet"],
        cwd=ROOT,
        env=bare | variables,
        capture_output=True,
        text=True,
    )


def test_the_image_runs_without_rights() -> None:
    """The last stage ends as a user that is not root and says how its health is asked."""
    last_stage = text("Dockerfile").split("\nFROM ")[-1]
    assert re.findall(r"^USER (\S+)", last_stage, re.M)[-1] not in ("root", "0")
    assert "HEALTHCHECK" in last_stage
    assert "/healthz" in last_stage
    assert 'CMD ["serve", "--host", "0.0.0.0"]' in last_stage


def test_a_newcomer_types_two_commands() -> None:
    """The README's section "Set up" has `make demo` and `make test`, and no other command."""
    section = re.search(r"^## Set up\n(.*?)(?=^## |\Z)", text("README.md"), re.M | re.S)
    assert section is not None
    blocks = re.findall(r"^```\w*\n(.*?)^```", section[1], re.M | re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    assert [line for line in lines if line] == ["make demo", "make test"]


def test_the_commands_that_are_written_about_are_targets() -> None:
    """Each `make …` of the README, CONTRIBUTING and the Makefile's own head exists."""
    makefile = text("Makefile")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())  # type: ignore[index]
    for name in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"`?make ([a-z\-]+)`", text(name))) <= targets
    assert set(re.findall(r"^#   make ([a-z\-]+)", makefile, re.M)) == targets
