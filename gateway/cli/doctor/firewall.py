"""What a firewall of this machine may do to the ports. It is only read, and only where this user may read it."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from gateway.cli.doctor.finding import Finding, Patient, ok, unseen, warning
from gateway.cli.doctor.listening import listeners

ASK_S = 5.0
_LOOPBACK = ("127.", "::1", "localhost")
_TOOLS = {"nft": ("nft", "list", "ruleset"), "iptables": ("iptables", "-S")}
_NFT_CHAIN = re.compile(r"^\s*type filter hook input\b(?P<rules>.*?)^\s*}$", re.DOTALL | re.MULTILINE)
_NFT_DROPS = re.compile(r"policy drop|^\s*(counter [^\n]*)?(drop|reject\b[^\n]*)$", re.MULTILINE)
"""By its policy, or by a last rule without a condition, as firewalld has it."""
_IPTABLES_DROPS = re.compile(r"^-P INPUT DROP$|^-A INPUT -j (DROP|REJECT)\b", re.MULTILINE)


def look_at_firewall(patient: Patient) -> Iterator[Finding]:
    """Linux: does a rule set drop by default what comes in, and does it name our ports?"""
    outside = [one for one in listeners(patient.settings) if not one.host.startswith(_LOOPBACK)]
    if not outside:
        yield ok("firewall", "every link listens on this machine alone")
        return
    if sys.platform != "linux":
        yield unseen("firewall", "doctor reads only Linux' firewalls", "see that it lets the ports above in")
        return
    texts = {tool: _listed(tool) for tool in _TOOLS if shutil.which(tool)}
    if not texts:
        yield unseen("firewall", "neither nft nor iptables is installed", "see that nothing between PLC and us drops")
    for tool, text in texts.items():
        if text is None:
            yield unseen(tool, "this user may not read the rules", "run doctor as root to have them looked at")
            continue
        ports = dict.fromkeys((one.port, one.link) for one in outside)
        yield from (rule_finding(tool, text, port, link) for port, link in ports)


def rule_finding(tool: str, text: str, port: int, link: str) -> Finding:
    """What a rule set, as `nft list ruleset` or `iptables -S` prints it, means for one port."""
    subject = f"{tool}, port {port} of {link}"
    if not drops(tool, text):
        return ok(subject, "nothing is dropped by default")
    if re.search(rf"dports?\b[^\n]*\b{port}\b", text):
        return ok(subject, "what comes in is dropped by default, and a rule names this port")
    cure = f"let PLCs and SCADA in: {_let_in(tool, port)}"
    return warning(subject, "what comes in is dropped by default, and no rule names this port", cure)


def drops(tool: str, text: str) -> bool:
    """Whether what comes in and no rule is about is dropped."""
    if tool == "iptables":
        return bool(_IPTABLES_DROPS.search(text))
    return any(_NFT_DROPS.search(chain["rules"]) for chain in _NFT_CHAIN.finditer(text))


def _let_in(tool: str, port: int) -> str:
    if tool == "nft":
        return f"nft add rule inet filter input tcp dport {port} accept (with your table and chain)"
    return f"iptables -I INPUT -p tcp --dport {port} -j ACCEPT"


def _listed(tool: str) -> str | None:
    """The rules as text; None where this user may not see them."""
    done = subprocess.run(_TOOLS[tool], capture_output=True, text=True, timeout=ASK_S, check=False)
    return done.stdout if done.returncode == 0 else None
