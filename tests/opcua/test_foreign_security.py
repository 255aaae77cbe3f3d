"""node-opcua, which shares no code with the server, over every security policy and mode, with each kind of user."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.plc.opcua.security.accounts_file import FileUser, write_users
from gateway.plc.opcua.security.trust_folder import TrustFolder, common_name, fingerprint
from gateway.plc.opcua.security.user_book import hash_password
from tests.opcua.desk import DeskStation, bench, until, view
from tests.opcua.papers import Paper, paper
from tests.opcua.test_foreign import node_opcua, session

PASSWORD = "Grüße an alle"
SECURED = [
    f"{policy} {mode}"
    for policy in ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")
    for mode in ("Sign", "SignAndEncrypt")
]


def users(folder: Path, holder: Paper) -> Path:
    """Olga with a password, Emil with a certificate."""
    file = folder / "users.toml"
    olga = FileUser(name="olga", role="operator", password_hash=hash_password(PASSWORD))
    write_users(file, [olga, FileUser(name="emil", role="engineer", certificate=fingerprint(holder.certificate))])
    TrustFolder(folder / "certificates").put(holder.certificate, "users")
    return file


@pytest.mark.foreign
@pytest.mark.timeout(180)
async def testnode_opcua_logs_in_over_every_policy_and_mode(tmp_path: Path) -> None:
    """A password, a wrong one, and a user's certificate; without encryption too, where the password is sealed."""
    node_opcua()
    holder = paper(tmp_path, "emil", number=6)
    pem = tmp_path / "emil.pem"
    pem.write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    file = users(tmp_path, holder)
    given = {"anonymous": "none", "users": [], "users_file": file, "certificates": tmp_path / "certificates"}
    async with bench(view(DeskStation("line 1")), **given) as made:
        words = (made.url, "line 1", str(tmp_path / "pki"), str(pem), str(holder.key_file))
        seen = await session("policies.mjs", *words, USER_NAME="olga", USER_PASSWORD=PASSWORD)
    expected = {"name": 20555, "wrong": "BadUserAccessDenied", "certificate": 20555}
    assert seen == dict.fromkeys(["None None", *SECURED], expected)


@pytest.mark.foreign
@pytest.mark.timeout(180)
async def testnode_opcua_is_refused_until_it_is_trusted(tmp_path: Path) -> None:
    node_opcua()
    holder = paper(tmp_path, "emil", number=6)
    pem = tmp_path / "emil.pem"
    pem.write_bytes(holder.certificate.public_bytes(Encoding.PEM))
    folder = TrustFolder(tmp_path / "certificates")
    given = {"users": [], "users_file": users(tmp_path, holder), "certificates": folder.root}
    async with bench(view(DeskStation("line 1")), client_certificates="trusted", **given) as made:
        words = (made.url, "line 1", str(tmp_path / "pki"), str(pem), str(holder.key_file))
        seen = await session("policies.mjs", *words, USER_NAME="olga", USER_PASSWORD=PASSWORD)
        assert all("connect" in seen[one] for one in SECURED), seen
        await until(lambda: folder.found("rejected"))
        (refused,) = folder.found("rejected")
        folder.trust(refused.thumbprint)
        assert common_name(refused.certificate).startswith("node client")
        await until(lambda: made.link._security.access._store._trusted.clients)
        seen = await session("policies.mjs", *words, USER_NAME="olga", USER_PASSWORD=PASSWORD)
        assert all(seen[one]["name"] == 20555 for one in SECURED), seen
