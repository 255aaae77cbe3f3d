"""`pekat-gateway users`, and what a users file may say."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.errors import ConfigError
from gateway.plc.opcua.security import user_book
from gateway.plc.opcua.security.accounts_file import FileUser, read_users
from gateway.plc.opcua.security.trust_folder import TrustFolder
from tests.opcua.papers import paper

WORD = "Grüße an alle"


# ---- the command line --------------------------------------------------------------------------------------------


def cli(folder: Path, *words: str, given: str = "", code: int = 0) -> str:
    config = folder / "gateway.toml"
    if not config.exists():
        config.write_text('[links.opcua]\nusers_file = "users.toml"\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["users", *words, "--config", str(config)], input=given)
    assert result.exit_code == code, result.output
    return result.output


def test_users_are_added_listed_changed_and_removed(tmp_path: Path) -> None:
    cli(tmp_path, "add", "olga", "--role", "operator", given=f"{WORD}\n")
    file = tmp_path / "users.toml"
    (first,) = read_users(file)
    assert (first.name, first.role, user_book.fits(first.password_hash, WORD)) == ("olga", "operator", True)
    assert WORD not in file.read_text(encoding="utf-8")
    assert "$argon2id$" in file.read_text(encoding="utf-8")
    cli(tmp_path, "passwd", "olga", given="another word\n")
    (second,) = read_users(file)
    assert user_book.fits(second.password_hash, "another word")
    assert not user_book.fits(second.password_hash, WORD)
    holder = paper(tmp_path, "emil")
    cli(tmp_path, "add", "emil", "--role", "engineer", "--certificate", str(holder.file))
    listed = cli(tmp_path, "list")
    assert "olga" in listed
    assert "certificate" in listed
    assert [one.certificate for one in TrustFolder(tmp_path / "certificates").found("users")] == [holder.certificate]
    cli(tmp_path, "remove", "emil")
    assert [user.name for user in read_users(file)] == ["olga"]
    assert not TrustFolder(tmp_path / "certificates").found("users")


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_users_file_is_its_owners_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = os.umask(0)
    try:
        cli(tmp_path, "add", "olga", "--role", "viewer", given=f"{WORD}\n")
    finally:
        os.umask(before)
    file = tmp_path / "users.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    read_users(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "could be read by other users" in caplog.text


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("add", "olga", "--role", "operator"), f"{WORD}\n", "there is a user 'olga' already"),
        (("add", "emil", "--role", "operator"), "short\n", "no usable password"),
        (("add", "emil", "--role", "operator"), "x" * 129 + "\n", "no usable password"),
        (("add", "e\tmil", "--role", "operator"), f"{WORD}\n", "cannot be seen"),
        (("passwd", "emil"), f"{WORD}\n", "there is no user 'emil'"),
        (("remove", "emil"), "", "there is no user 'emil'"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line_and_changes_nothing(
    words: tuple[str, ...], given: str, told: str, tmp_path: Path
) -> None:
    cli(tmp_path, "add", "olga", "--role", "operator", given=f"{WORD}\n")
    before = (tmp_path / "users.toml").read_bytes()
    assert told in cli(tmp_path, *words, given=given, code=2)
    assert (tmp_path / "users.toml").read_bytes() == before


def test_a_configuration_without_a_users_file_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[links.opcua]\n", encoding="utf-8")
    assert 'users_file = "users.toml"' in cli(tmp_path, "list", code=2)
    (tmp_path / "gateway.toml").write_text("[links.modbus]\n", encoding="utf-8")
    assert "no [links.opcua]" in cli(tmp_path, "list", code=2)


HASH = "$argon2id$v=19$m=19456,t=2,p=1$z2nSAsQFoTZkQAo0msUefA$nNxn+L4Z347INKEB8i4duldu4M0RNS+xpJQm80UrW2I"
WRONG: dict[str, dict[str, object]] = {
    "plain text": {"password_hash": "secret word"},
    "argon2i": {"password_hash": HASH.replace("argon2id", "argon2i")},
    "all memory": {"password_hash": HASH.replace("m=19456", "m=99999999")},
    "no proof": {},
    "two proofs": {"password_hash": HASH, "certificate": "0" * 64},
    "a key too much": {"password_hash": HASH, "admin": True},
    "a fingerprint of another kind": {"certificate": "AB:CD"},
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_a_users_file_may_not_say(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        FileUser(**{"name": "a", "role": "viewer", **WRONG[wrong]})  # type: ignore[arg-type]  # as TOML gives it
    assert isinstance(refused.value, ValueError)
    file = tmp_path / "users.toml"
    file.write_text('[[users]]\nname = "a"\nrole = "viewer"\npassword_hash = "secret word"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        read_users(file)
    assert "secret word" not in str(told.value)
    assert tomllib.loads(file.read_text(encoding="utf-8"))
