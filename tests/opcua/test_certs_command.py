"""`pekat-gateway certs`: what it shows, and what it says where something cannot be done."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.plc.opcua.security import private_files
from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE, Wanted, obtain
from gateway.plc.opcua.security.trust_folder import TrustFolder, thumbprint
from tests.opcua.papers import Paper, paper

OWN = Wanted("PEKAT PLC gateway", ["press-7"], None, "urn:press-7:pekat-plc-gateway")


@pytest.fixture
def folder(tmp_path: Path) -> TrustFolder:
    return TrustFolder(tmp_path / "certificates")


def certs(folder: TrustFolder, command: str, *which: str, code: int = 0, more: str = "") -> str:
    config = folder.root.parent / "gateway.toml"
    config.write_text(f"[links.opcua]\n{more}", encoding="utf-8")
    result = CliRunner().invoke(app, ["certs", command, *which, "--config", str(config)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def test_the_list_shows_who_is_who_and_until_when(folder: TrustFolder, tmp_path: Path) -> None:
    assert "own" not in certs(folder, "list")
    obtain(folder.place("own"), OWN)
    soon, gone = paper(tmp_path, "soon", days=(-1, 12)), paper(tmp_path, "gone", days=(-9, -1))
    folder.put(soon.certificate, "trusted")
    folder.put(gone.certificate, "rejected")
    lines = certs(folder, "list").splitlines()
    (own,) = [line for line in lines if "PEKAT PLC gateway" in line]
    (first,) = [line for line in lines if "soon" in line]
    (second,) = [line for line in lines if "gone" in line]
    assert "own" in own
    assert "urn:press-7:pekat-plc-gateway" in own
    assert thumbprint(soon.certificate) in first
    assert "11 days left" in first
    assert "expired" in second
    assert "whoever comes" in certs(folder, "list", more='client_certificates = "any"\n')


def test_a_certificate_is_meant_by_its_thumbprint_its_name_or_its_file(folder: TrustFolder, tmp_path: Path) -> None:
    by = paper(tmp_path, "scada one")
    mark = thumbprint(by.certificate)
    colons = ":".join(mark[i : i + 2] for i in range(0, 40, 2))
    for which in (mark, mark[:6].lower(), colons, "scada one", f"scada one [{mark}].der", str(by.file)):
        folder.put(by.certificate, "rejected")
        assert mark in certs(folder, "trust", which)
        assert [one.certificate for one in folder.found("trusted")] == [by.certificate]
        assert not folder.found("rejected")
        certs(folder, "reject", mark)
        assert not folder.found("trusted")


def test_a_certificate_that_lies_there_twice_is_rejected_once_and_for_all(folder: TrustFolder, tmp_path: Path) -> None:
    by = paper(tmp_path)
    folder.put(by.certificate, "trusted")
    (folder.place("trusted") / "copied by hand.cer").write_bytes(by.der)
    certs(folder, "reject", "scada")
    assert not folder.found("trusted")


def _two(folder: TrustFolder, tmp_path: Path) -> list[Paper]:
    made = [paper(tmp_path, "scada", number=number) for number in (0, 7)]
    for one in made:
        folder.put(one.certificate, "rejected")
    return made


def test_what_is_not_one_certificate_is_refused_and_nothing_moves(folder: TrustFolder, tmp_path: Path) -> None:
    made = _two(folder, tmp_path)
    assert "2 certificates" in certs(folder, "trust", "scada", code=2)
    for which in ("nobody", thumbprint(made[0].certificate)[:3]):
        assert f"can be meant by '{which}'" in certs(folder, "trust", which, code=2)
    text = tmp_path / "text.der"
    text.write_text("no certificate", encoding="utf-8")
    assert "holds no certificate" in certs(folder, "trust", str(text), code=2)
    assert "no certificate in" in certs(folder, "reject", "scada", code=2)
    assert len(folder.found("rejected")) == 2
    assert not folder.found("trusted")


def test_a_client_whose_certificate_expired_is_trusted_with_a_word_of_warning(
    folder: TrustFolder, tmp_path: Path
) -> None:
    by = paper(tmp_path, days=(-9, -1))
    assert "refused all the same" in certs(folder, "trust", str(by.file))


@pytest.mark.parametrize("place", ["own", ""])
def test_renewing_keeps_key_and_uri_and_the_old_certificate(place: str, folder: TrustFolder) -> None:
    """In `own/`, and where an older gateway made the pair."""
    here = folder.place(place) if place else folder.root
    old = obtain(here, OWN)
    said = certs(folder, "renew")
    new = obtain(here, OWN)
    assert new.certificate != old.certificate
    assert new.key.private_numbers() == old.key.private_numbers()
    assert new.uri == old.uri
    (aside,) = [file for file in here.glob("server_certificate.*.der") if file.name != CERTIFICATE_FILE]
    assert str(aside) in said.replace("\n", "")


def test_renewing_what_is_not_there_says_what_makes_it(folder: TrustFolder) -> None:
    assert "pekat-gateway run" in certs(folder, "renew", code=2)
    assert not folder.root.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files to others")
def test_what_root_makes_is_the_folders_owners(tmp_path: Path) -> None:
    """The gateway runs as another user, and must read and replace what an administrator put there."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 12346)
    private_files.replace(home / "deep" / "users.toml", b"x", private_files.PRIVATE)
    for path in (home / "deep", home / "deep" / "users.toml"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)
    assert (home / "deep" / "users.toml").stat().st_mode & 0o777 == 0o600


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "users.toml"
    private_files.replace(file, b"before", private_files.PRIVATE)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        private_files.replace(file, b"after", private_files.PRIVATE)
    assert file.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["users.toml"]
