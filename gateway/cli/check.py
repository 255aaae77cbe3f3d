"""What `pekat-gateway check` shows of a configuration that is right: what it will serve, and where."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.tags import HOLDING5, HOLDING6, LAST5
from gateway.config import Settings, StationSettings
from gateway.core.registers import Block, RegisterMap
from gateway.plc.opcua.network.endpoints import bracketed
from gateway.plc.opcua.settings import OpcUaSettings
from gateway.sinks.history_settings import SHOWN_AT_ONCE
from gateway.vision.settings import RecipeSettings


def check_report(settings: Settings) -> RenderableType:
    """A heading and one table of facts for each station."""
    parts: list[RenderableType] = [Text(f"{settings.gateway.name}: the configuration is right", style="bold green")]
    parts.append(_table(links_facts(settings)))
    for station in settings.stations:
        parts += [Text(f"\nstation {station.name}", style="bold"), _table(station_facts(station, settings))]
    return Group(*parts)


def check_lines(settings: Settings) -> list[str]:
    """The same as plain lines."""
    lines = [f"{settings.gateway.name}: the configuration is right"]
    lines += [f"{name}: {text}" for name, text in links_facts(settings)]
    for station in settings.stations:
        lines.append(f"station {station.name}")
        lines += [f"  {name}: {text}" for name, text in station_facts(station, settings)]
    return lines


def _table(facts: Iterator[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts:
        table.add_row(Text(f"  {name}"), Text(text))
    return table


def links_facts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where PLCs and SCADA systems connect."""
    modbus, opcua = settings.links.modbus, settings.links.opcua
    if modbus is not None:
        yield "modbus", f"{modbus.host}:{modbus.port or 'a free port'}, at most {modbus.max_connections} connections"
    if opcua is not None:
        where = ", ".join(f"{bracketed(host)}:{opcua.port or 'a free port'}" for host in opcua.hosts)
        yield "opcua", f"{where}, at most {opcua.max_sessions} sessions"
        yield "  endpoints", ", ".join(opcua.addresses.urls()) if opcua.port else "known once it runs"
        yield from _discovery_facts(opcua)
        yield from _security_facts(opcua)
    yield "data folder", str(settings.data_folder or "none: the boot id comes from the clock")
    yield "history", _history_text(settings)


def _history_text(settings: Settings) -> str:
    history, data = settings.history, settings.data_folder
    if not history.enabled:
        return "switched off"
    place, kept = history.place(data), history.retention(data)
    count = f"at most {kept.results} results" if kept.results else "any number of results"
    age = f"of the last {kept.days} days" if kept.days else "of any age"
    if not place:
        return f"{count} {age} in memory, lost at the end: there is no data folder"
    safe = history.keeping(data) != SHOWN_AT_ONCE
    return (
        f"{count} {age} in {place}, {'kept before the PLC sees them' if safe else 'written right after they are shown'}"
    )


def _discovery_facts(opcua: OpcUaSettings) -> Iterator[tuple[str, str]]:
    """How clients find the server without being told its URL."""
    told = opcua.discovery
    yield "  mdns", f"announced on {', '.join(told.mdns_interfaces or opcua.hosts)}" if told.mdns else "not announced"
    yield "  lds", f"registered every {told.period_s} s with {', '.join(told.servers)}" if told.servers else "none"
    if opcua.redundancy is not None:
        yield "  redundancy", f"warm, with {', '.join(peer.uri for peer in opcua.redundancy.peers)}"


def station_facts(station: StationSettings, settings: Settings) -> Iterator[tuple[str, str]]:
    """Name and text of what is worth knowing about a station."""
    yield "control", f"{station.control} owns the control tags{_mirrors(station, settings)}"
    registers = station.registers
    yield "map", _map_text(registers)
    if settings.links.modbus is not None:
        yield from _modbus_facts(station, registers)
    if settings.links.opcua is not None:
        yield "nodes", f"ns=2;s={station.name}.status.verdict, ns=2;s={station.name}.control.trigger, .."
    yield from _source_facts(station)
    for recipe in station.recipes:
        first = ", in force at the start" if recipe.number == station.first_recipe else ""
        own_time = f", answer within {recipe.timeout_ms} ms" if recipe.timeout_ms else ""
        if not station.views:
            yield f"recipe {recipe.number}", f"{recipe.name} at {_project_text(recipe)}{own_time}{first}"
            continue
        yield f"recipe {recipe.number}", f"{recipe.name}{own_time}{first}"
        for name in station.view_names:
            yield f"  {name}", _project_text(recipe.for_view(name))
    for value in station.user_values:
        register = next(p.register for p in registers.places if p.tag.name == value.tag().name)
        whose = f" of view {value.view or station.view_names[0]}" if station.views else ""
        yield (
            "user value",
            f"{value.name} = {value.path}{whose} as {value.type.value}, register {_at(station, register)}",
        )
    yield "handshake", _handshake_text(station)


def _source_facts(station: StationSettings) -> Iterator[tuple[str, str]]:
    """Where images come from; with several views, those of each."""
    if station.source is not None:
        yield "source", station.source.summary
    if station.simulation is not None:
        yield "simulation", station.simulation.summary
    if station.views:
        yield "views", f"{len(station.views)}, inspected together: all OK is OK, any NOK is NOK, else no decision"
    for number, view in enumerate(station.views, start=1):
        said = view.source.summary if view.source is not None else f"the image of {view.same_image_as}"
        yield f"  {number} {view.name}", said
        if view.simulation is not None:
            yield "    simulation", view.simulation.summary


def _project_text(recipe: RecipeSettings) -> str:
    facts = [", ".join(recipe.endpoints), f"{len(recipe.classes)} classes"]
    facts += [f"project {recipe.project}"] if recipe.project else []
    facts += [f"warmed up {recipe.warm_up_times} times with {recipe.warm_up}"] if recipe.warm_up else []
    return ", ".join(facts)


def _security_facts(opcua: OpcUaSettings) -> Iterator[tuple[str, str]]:
    """Who may connect, and who may log in."""
    known = opcua.client_certificates == "trusted"
    open_too = "; connections without encryption are served too" if opcua.allow_unencrypted else ""
    clients = "those whose certificate is trusted" if known else "any: certificates prove nothing"
    yield "  clients", f"{clients} (certificates in {opcua.certificates}){open_too}"
    users = ", ".join(user.name for user in opcua.users)
    if opcua.users_file is not None:
        users = ", ".join(filter(None, (users, f"those in {opcua.users_file}")))
    yield "  users", f"{users or 'none'}; without a name: {opcua.anonymous}"


def _mirrors(station: StationSettings, settings: Settings) -> str:
    others = [name for name in settings.links.names if name != station.control]
    return f"; {others[0]} mirrors them" if others else ""


def _map_text(registers: RegisterMap) -> str:
    strings = f"strings {registers.string_order.value.replace('_', ' ')}, ended by {registers.string_end.value}"
    return f"{registers.name}, word order {registers.word_order.value}, {strings}".replace("length_word", "length word")


def _modbus_facts(station: StationSettings, registers: RegisterMap) -> Iterator[tuple[str, str]]:
    unit = "any unit id" if station.modbus.unit is None else f"unit id {station.modbus.unit}"
    yield "modbus", f"{unit}, offset {station.modbus.offset}"
    blocks = [("status", registers.status), ("user values", registers.user), ("control", registers.control)]
    for name, block in [*blocks, *([("views", registers.views)] if registers.views is not None else [])]:
        yield f"  {name}", _block_text(station, block)
    bits = station.modbus.offset // 16
    yield "  bits", f"coils from {registers.coils + bits}, discrete inputs from {registers.discretes + bits}"


def _at(station: StationSettings, register: int) -> int:
    return register + station.modbus.offset


def _block_text(station: StationSettings, block: Block) -> str:
    first, last = _at(station, block.start), _at(station, block.end - 1)
    base = HOLDING5 if HOLDING5 + last <= LAST5 else HOLDING6
    return f"registers {first}..{last} ({base + first}..{base + last})"


def _handshake_text(station: StationSettings) -> str:
    options = station.handshake
    watchdog = (
        f"watchdog {options.watchdog_ms} ms ({options.watchdog_action})" if options.watchdog_ms else "no watchdog"
    )
    acknowledged = f"acknowledged within {options.ack_timeout_ms} ms" if options.ack_timeout_ms else "no limit for acks"
    return f"answer within {options.inspection_timeout_ms} ms, {acknowledged}, {watchdog}"
