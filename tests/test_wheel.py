"""The built wheel is all it takes: outside the repository it issues a pass."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from passes.settings import process_environment
from tests.passes.web.packages import Package

ROOT = Path(__file__).parents[1]
ISSUE = """
import sys
from pathlib import Path

site, folder = map(Path, sys.argv[1:])
# The environment's own installation leads into the repository: only the wheel counts here.
sys.path[:] = [str(site), *(p for p in sys.path if not Path(p, "pyproject.toml").exists())]

import wsgi
from datetime import UTC, datetime
from certs import development
from passes.services.api_keys import mint_key
from passes.settings import Settings
from passes.store import schema
from passes.store.database import Database

now = datetime.now(UTC)
files = development.mint(folder / "certs", now)
url = f"sqlite:///{folder}/passmint.db"
database = Database(url)
schema.migrate(database)
with database.writing() as session:
    _, key = mint_key(session, None, "wheel", ["admin"], now)
settings = Settings.read(
    {
        "PASSMINT_PUBLIC_URL": "http://127.0.0.1:8080",
        "PASSMINT_SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "PASSMINT_DATABASE_URL": url,
        "PASSMINT_APPLE_CERTIFICATES": str(files.certificates),
        "PASSMINT_APPLE_AUTHORITY": str(files.authority),
    }
)
client = wsgi.compose(settings).test_client()
headers = {"Authorization": f"Bearer {key}"}


def post(path, document):
    answer = client.post("/v1" + path, json=document, headers=headers)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json


headers["Passmint-Merchant"] = post("/merchants", {"name": "Wheel", "slug": "wheel"})["id"]
form = {"file": (site / "passes/demo/logo.svg").open("rb"), "purpose": "logo"}
logo = client.post("/v1/images", data=form, headers=headers)
assert logo.status_code == 201, logo.text
template = post("/templates", {"name": "Look", "logo_id": logo.json["id"]})
program = {"name": "Card", "slug": "wheel", "template_id": template["id"], "card_size": 10}
program = post("/programs", program)
post(f"/programs/{program['id']}/activate", {})
member = post(f"/programs/{program['id']}/members", {"locale": "he"})
for page in ("/docs", "/j/wheel?lang=cs", "/p/" + member["pass"]["urls"]["landing"][-43:]):
    assert client.get(page).status_code == 200, page
package = client.get(f"/v1/passes/{member['pass']['id']}.pkpass", headers=headers)
assert package.status_code == 200, package.text
(folder / "card.pkpass").write_bytes(package.data)
rooms = ("certs", "branding", "passes", "webhooks", "wsgi")
strays = [
    module.__file__
    for name, module in sys.modules.items()
    if name.split(".")[0] in rooms and not module.__file__.startswith(str(site))
]
assert strays == [], strays
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_rooms_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    rooms = ("certs", "branding", "passes", "webhooks")
    expected = {"wsgi.py"} | {
        path.relative_to(ROOT).as_posix()
        for room in rooms
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == expected
    assert {Path(name).suffix for name in packed} >= {
        ".py",
        ".pem",
        ".json",
        ".po",
        ".html",
        ".css",
    }


def test_the_wheel_issues_a_pass_outside_the_repository(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    environ = {
        name: value
        for name, value in process_environment().items()
        if name != "PYTHONPATH" and not name.startswith("PASSMINT_")
    }
    issued = subprocess.run(
        [sys.executable, "-I", "-c", ISSUE, str(site), str(tmp_path)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert issued.returncode == 0, issued.stderr
    package = Package.read((tmp_path / "card.pkpass").read_bytes())
    assert package.fields["stamps"] == "0/10"
    assert len([name for name in package.files if name.endswith(".png")]) == 9
