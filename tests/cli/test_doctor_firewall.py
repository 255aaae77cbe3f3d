"""Rule sets as nft 1.0.6 and iptables 1.8.9 print them, and what they mean for a port."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.doctor.finding import Grade
from gateway.cli.doctor.firewall import look_at_firewall, rule_finding
from tests.cli.patient import write

NFT = """table inet filter {{
	chain forward {{
		type filter hook forward priority filter; policy drop;
	}}

	chain input {{
		type filter hook input priority filter; policy {policy};
		tcp dport {{ 22, 4840 }} accept
		tcp dport 502 accept{last}
	}}
}}
"""
IPTABLES = """-P INPUT {policy}
-P FORWARD DROP
-P OUTPUT ACCEPT
-A INPUT -p tcp -m tcp --dport 502 -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22,4840 -j ACCEPT{last}
"""


@pytest.mark.parametrize("port", [502, 4840])
@pytest.mark.parametrize(
    ("tool", "text"),
    [("nft", NFT.format(policy="drop", last="")), ("iptables", IPTABLES.format(policy="DROP", last=""))],
)
def test_a_port_that_a_rule_names_is_let_in(tool: str, text: str, port: int) -> None:
    assert rule_finding(tool, text, port, "modbus").grade is Grade.OK


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("nft", NFT.format(policy="drop", last="")),
        ("nft", NFT.format(policy="accept", last="\n\t\treject with icmpx admin-prohibited")),
        ("nft", NFT.format(policy="accept", last="\n\t\tcounter packets 7 bytes 420 drop")),
        ("iptables", IPTABLES.format(policy="DROP", last="")),
        ("iptables", IPTABLES.format(policy="ACCEPT", last="\n-A INPUT -j REJECT --reject-with icmp-port-unreachable")),
    ],
)
def test_a_port_that_no_rule_names_is_a_warning_with_the_command(tool: str, text: str) -> None:
    finding = rule_finding(tool, text, 50, "modbus")  # a part of 502, and not it
    assert finding.grade is Grade.WARNING
    assert tool in finding.cure
    assert "dport 50 " in finding.cure


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("nft", NFT.format(policy="accept", last="")),
        ("nft", ""),
        ("iptables", IPTABLES.format(policy="ACCEPT", last="")),
    ],
)
def test_nothing_is_dropped_by_default(tool: str, text: str) -> None:
    assert rule_finding(tool, text, 5020, "modbus").grade is Grade.OK


def test_a_link_on_this_machine_alone_has_no_firewall_to_fear(tmp_path: Path) -> None:
    (finding,) = write(tmp_path, "http://127.0.0.1:9").looked(look_at_firewall)
    assert finding.grade is Grade.OK


def test_what_cannot_be_looked_at_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    site.config.write_text(site.config.read_text().replace("127.0.0.1", "0.0.0.0", 1))
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = site.looked(look_at_firewall)
    assert finding.grade is Grade.UNSEEN
    if sys.platform != "linux":
        return
    assert "neither nft nor iptables is installed" in finding.text
    (tmp_path / "nft").write_text("#!/bin/sh\necho 'Operation not permitted (you must be root)' >&2; exit 1\n")
    (tmp_path / "nft").chmod(0o755)
    (finding,) = site.looked(look_at_firewall)
    assert (finding.grade, finding.subject) == (Grade.UNSEEN, "nft")
    assert "as root" in finding.cure


RULES = """
nft add table inet filter
nft 'add chain inet filter input { type filter hook input priority 0; policy drop; }'
exec "$0" -m gateway doctor "$1"
"""


@pytest.mark.foreign
@pytest.mark.skipif(shutil.which("nft") is None or shutil.which("unshare") is None, reason="needs nft and unshare")
def test_a_real_rule_set_in_a_network_of_its_own(tmp_path: Path) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    site.config.write_text(site.config.read_text().replace("127.0.0.1", "0.0.0.0", 1))
    command = ["unshare", "-n", "sh", "-c", RULES, sys.executable, str(site.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this user may make no network of its own")
    (line,) = [line for line in done.stdout.splitlines() if f"nft, port {site.port} of modbus" in line]
    assert line.split()[:2] == ["warning", "firewall"]
