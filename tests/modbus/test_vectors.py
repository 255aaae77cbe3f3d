"""Requests and responses byte for byte, in the form of the Modbus Application Protocol Specification V1.1b3."""

import pytest

from tests.modbus.stand import CoreStation, connected, serving, view

BASIC_IDENTIFICATION = "2B 0E 01 82 00 00 03  00 04 41636D65  01 07 47617465776179  02 05 312E322E33"

# Request PDU, response PDU; run in this order against one fresh station.
CONVERSATION = [
    ("FC3 registers 0..2: signature, version, status word (online)", "03 0000 0003", "03 06 504B 0001 0001"),
    ("FC4 the same as input registers", "04 0000 0003", "04 06 504B 0001 0001"),
    ("FC2 sixteen status bits", "02 0000 0010", "02 02 01 00"),
    ("FC2 three of them, padded with 0", "02 0000 0003", "02 01 01"),
    ("FC1 command bits, all 0", "01 0000 000A", "01 02 00 00"),
    ("FC5 enable on", "05 0000 FF00", "05 0000 FF00"),
    ("FC1 shows it", "01 0000 0008", "01 01 01"),
    ("FC3 status word: online and ready", "03 0002 0001", "03 02 0003"),
    ("FC6 recipe_request 7", "06 00CB 0007", "06 00CB 0007"),
    ("FC3 reads it back", "03 00CB 0001", "03 02 0007"),
    ("FC22 mask write: set bit 2, keep the rest", "16 00CB FFFB 0004", "16 00CB FFFB 0004"),
    ("FC22: the example of section 6.16, 0x12 with 0xF2 and 0x25", "06 00CB 0012", "06 00CB 0012"),
    ("FC22 applied", "16 00CB 00F2 0025", "16 00CB 00F2 0025"),
    ("FC22 gives 0x17", "03 00CB 0001", "03 02 0017"),
    ("FC16 trigger_seq to plc_heartbeat", "10 00C9 0004 08 0000 0000 0001 0005", "10 00C9 0004"),
    ("FC23 write plc_heartbeat, read four words back", "17 00C9 0004 00CC 0001 02 0006", "17 08 0000 0000 0001 0006"),
    ("FC15 enable and buffer_results on", "0F 0000 000A 02 01 02", "0F 0000 000A"),
    ("FC1 shows both", "01 0000 000A", "01 02 01 02"),
    ("FC43/14 basic identification", "2B 0E 01 00", BASIC_IDENTIFICATION),
    ("FC43/14 one object", "2B 0E 04 01", "2B 0E 04 82 00 00 01 01 07 47617465776179"),
    ("read to the padded end of the window", "03 00E1 001F", "03 3E" + "00" * 62),
]  # fmt: skip

EXCEPTIONS = [
    ("unknown function", "07", "87 01"),
    ("FC43 with another MEI type", "2B 0D 01 00", "AB 01"),
    ("FC43 read code 5", "2B 0E 05 00", "AB 03"),
    ("FC43 unknown object", "2B 0E 04 7F", "AB 02"),
    ("FC3 quantity 0", "03 0000 0000", "83 03"),
    ("FC3 quantity 126", "03 0000 007E", "83 03"),
    ("FC3 past the end", "03 00FF 0002", "83 02"),
    ("FC3 address 65535, two registers", "03 FFFF 0002", "83 02"),
    ("FC3 cut short", "03 0000 00", "83 03"),
    ("FC3 with a byte too many", "03 0000 0001 00", "83 03"),
    ("FC4 past the end", "04 0100 0001", "84 02"),
    ("FC1 quantity 0", "01 0000 0000", "81 03"),
    ("FC1 quantity 2001", "01 0000 07D1", "81 03"),
    ("FC1 outside", "01 0010 0001", "81 02"),
    ("FC2 over the end", "02 000F 0002", "82 02"),
    ("FC5 neither on nor off", "05 0000 1234", "85 03"),
    ("FC5 outside", "05 0010 FF00", "85 02"),
    ("FC6 in the status block", "06 0002 0001", "86 02"),
    ("FC6 in the user block", "06 0081 0001", "86 02"),
    ("FC15 byte count wrong", "0F 0000 000A 01 01", "8F 03"),
    ("FC15 quantity 0", "0F 0000 0000 00", "8F 03"),
    ("FC15 over the end", "0F 000F 0002 01 03", "8F 02"),
    ("FC16 byte count wrong", "10 00C8 0002 02 0001 0000", "90 03"),
    ("FC16 quantity 0", "10 00C8 0000 00", "90 03"),
    ("FC16 quantity 124", "10 00C8 007C F8" + "00" * 247, "90 03"),
    ("FC16 from the user into the control block", "10 00C7 0002 04 0000 0000", "90 02"),
    ("FC16 over the control block's end", "10 00FF 0002 04 0000 0000", "90 02"),
    ("FC16 cut short", "10 00C8 0002 04 0001", "90 03"),
    ("FC16 part_id with a length over its field", "10 00D0 0001 02 0021", "90 03"),
    ("FC16 part_id that is no UTF-8", "10 00D0 0002 04 0002 FFFE", "90 03"),
    ("FC22 in the status block", "16 0002 0000 FFFF", "96 02"),
    ("FC22 cut short", "16 00C8 0000", "96 03"),
    ("FC23 read quantity 126", "17 0000 007E 00C8 0001 02 0000", "97 03"),
    ("FC23 write quantity 122", "17 0000 0001 00C8 007A F4" + "00" * 243, "97 03"),
    ("FC23 read outside: nothing is written either", "17 0100 0001 00C8 0001 02 0001", "97 02"),
    ("FC23 write outside", "17 0000 0001 0000 0001 02 0001", "97 02"),
]


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


async def test_conversation() -> None:
    async with serving(view(CoreStation())) as (_, port), connected(port) as client:
        for what, request, response in CONVERSATION:
            assert (await client.ask(octets(request))).hex() == octets(response).hex(), what


@pytest.mark.parametrize(("what", "request_", "response"), EXCEPTIONS, ids=[row[0] for row in EXCEPTIONS])
async def test_exception(what: str, request_: str, response: str) -> None:
    """The exact code, and no event: nothing is stored, started or lost by nonsense."""
    station = CoreStation()
    async with serving(view(station)) as (link, port), connected(port) as client:
        before = station.image
        assert (await client.ask(octets(request_))).hex() == octets(response).hex(), what
        assert station.written == []
        assert station.image is before
        assert (await client.ask(octets("03 00C8 0019"))) == b"\x03\x32" + bytes(50), "the control block is untouched"
        assert link.clients[0].exceptions == 1


async def test_unknown_unit_is_exception_0b_and_known_ones_are_told_apart() -> None:
    first, second = CoreStation("s1"), CoreStation("s2")
    async with serving(view(first, unit=1), view(second, unit=2)) as (_, port), connected(port) as client:
        assert await client.ask(octets("03 0000 0001"), unit=3) == octets("83 0B")
        assert await client.ask(octets("05 0000 FF00"), unit=2) == octets("05 0000 FF00")
    assert (len(first.written), len(second.written)) == (0, 1)


async def test_stations_on_one_unit_are_told_apart_by_offset() -> None:
    first, second = CoreStation("s1"), CoreStation("s2")
    async with serving(view(first), view(second, offset=256)) as (_, port), connected(port) as client:
        assert await client.ask(octets("03 0100 0001"), unit=77) == octets("03 02 504B")
        assert await client.ask(octets("06 01C8 0001")) == octets("06 01C8 0001")
        assert await client.ask(octets("05 0010 0000")) == octets("05 0010 0000")
        assert await client.ask(octets("10 00FF 0002 04 0000 0000")) == octets("90 02"), "no write spans two stations"
        assert await client.ask(octets("03 00FF 0002")) == octets("83 02"), "no read does"
    assert [len(first.written), len(second.written)] == [0, 2]
    assert second.written[0].enable
    assert not second.written[1].enable


async def test_mirror_shows_the_commands_of_the_other_link_and_takes_no_write() -> None:
    station = CoreStation()
    async with serving(view(station, controls=False)) as (_, port), connected(port) as client:
        station.write(station.state.commands.__class__(enable=True, trigger_seq=5, part_id="AB"))
        assert await client.ask(octets("03 00C8 0002")) == octets("03 04 0001 0005")
        assert await client.ask(octets("03 00D0 0002")) == octets("03 04 0002 4142")
        assert await client.ask(octets("01 0000 0001")) == octets("01 01 01")
        assert await client.ask(octets("06 00C8 0000")) == octets("86 02")
        assert await client.ask(octets("05 0000 0000")) == octets("85 02")
    assert len(station.written) == 1
