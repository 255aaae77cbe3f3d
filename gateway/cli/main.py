"""The command line: what a person types. Each command does its work elsewhere and prints it here.

Commands import what they need when they run: the simulators' libraries would cost `run` 40 MB and most of a second.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from gateway import __version__
from gateway.cli.certs import certs
from gateway.cli.config_file import ConfigFile, console, settings_or_exit
from gateway.cli.doctor.command import doctor
from gateway.cli.pekat import pekat
from gateway.cli.results import results
from gateway.cli.review import review
from gateway.cli.runner import fail, run, set_up_logs
from gateway.cli.serve import serve
from gateway.cli.simulate import sim
from gateway.cli.trace import trace
from gateway.cli.users import users
from gateway.config import ConfigErrors, schema
from gateway.core.errors import ConfigError
from gateway.core.tags import MAP_SIGNATURE
from gateway.sources.camera_drivers import DriverName
from gateway.tagmap import load_map

if TYPE_CHECKING:
    from gateway.sim.plc_modbus import ModbusFace

app = typer.Typer(
    help="Puts the PEKAT VISION inspection system on a machine's control network.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(sim, name="sim", help="Simulators: a PEKAT project and a PLC.")
app.add_typer(pekat, name="pekat", help="Talk to a PEKAT project by hand, for commissioning.")
app.add_typer(
    certs, name="certs", help="Certificates of the OPC UA server and its clients: list, trust, reject, renew."
)
app.add_typer(users, name="users", help="Users of the OPC UA server: add, list, passwd, remove.")
app.add_typer(results, name="results", help="What was answered: list, show, export. Also while a gateway runs.")
app.add_typer(review, name="review", help="Parts in doubt that wait for an operator: list, show, ok, nok, undecided.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pekat-gateway {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def demo(
    inspections: Annotated[int, typer.Option(min=0, help="End after so many; 0 goes on until Ctrl-C.")] = 0,
    plc: Annotated[Literal["modbus", "opcua"], typer.Option(help="Which link the simulated PLC uses.")] = "modbus",
    camera: Annotated[
        Literal["drop", "gige"],
        typer.Option(help="Where pictures come from: a drop folder, or a simulated GigE Vision camera."),
    ] = "drop",
    play_plc: Annotated[bool, typer.Option("--play-plc/--no-plc", help="--no-plc waits for your own PLC.")] = True,
    modbus_port: Annotated[int | None, typer.Option(min=1, max=65535, help="[default: 5020, or a free one]")] = None,
    opcua_port: Annotated[int | None, typer.Option(min=1, max=65535, help="[default: 4840, or a free one]")] = None,
    pekat_port: Annotated[int | None, typer.Option(min=1, max=65535, help="[default: 8000, or a free one]")] = None,
    pekat_delay_ms: Annotated[int, typer.Option(min=0, help="How long the simulated PEKAT thinks.")] = 20,
    drop: Annotated[Path | None, typer.Option(help="The drop folder [default: a temporary one].")] = None,
    rate: Annotated[float, typer.Option(min=0, help="Triggers a second; 0 as fast as answers come.")] = 10.0,
    data: Annotated[
        Path | None, typer.Option(help="Keep the history and the boot id there [default: nowhere].")
    ] = None,
    in_flight: Annotated[
        int, typer.Option(min=1, max=16, help="Parts under way at a time; see them with a slow PEKAT.")
    ] = 1,
    views: Annotated[int, typer.Option(min=1, max=8, help="Views of each part, each with a camera of its own.")] = 1,
) -> None:
    """The whole main job on an embedded default: simulated PEKAT, camera and PLC around the real gateway."""
    from gateway.cli.demo import DemoOptions, run_demo

    set_up_logs("error")  # the table tells what happens; warnings would tear it
    options = DemoOptions(
        inspections,
        plc,
        play_plc,
        modbus_port,
        opcua_port,
        pekat_port,
        pekat_delay_ms,
        drop,
        rate,
        data,
        camera,
        in_flight=in_flight,
        views=views,
    )
    run(lambda stop: run_demo(options, Console(), stop))


@app.command("run")
def run_(config: ConfigFile) -> None:
    """Serve the stations of a configuration until Ctrl-C or SIGTERM."""
    settings = settings_or_exit(config)
    set_up_logs(settings.gateway.log_level, settings.gateway.log_format)
    run(lambda stop: serve(settings, config, stop))


@app.command("reload")
def reload_(config: ConfigFile) -> None:
    """Have the running gateway read its configuration anew: recipes, tag maps, time-outs. No connection is dropped.

    What cannot change without a restart is named. Exit code 2, and nothing has changed, where the configuration is
    wrong or no gateway answers.
    """
    from gateway.control.client import ask
    from gateway.control.place import place_of
    from gateway.core.errors import ControlError

    place = place_of(settings_or_exit(config).data_folder, config)
    try:
        found = ask(place, "reload")
    except ControlError as error:
        raise fail(str(error), error.hint) from error
    made, left = (found.get(key) for key in ("made", "left"))
    for title, keys in (("taken over", made), ("needs a restart", left)):
        for key in keys if isinstance(keys, list) else []:
            typer.echo(f"{title}: {key}")
    if not made and not left:
        typer.echo("nothing has changed")


@app.command()
def check(
    config: ConfigFile,
    ask: Annotated[bool, typer.Option("--ask/--no-ask", help="Whether to ask each PEKAT if it answers.")] = True,
) -> None:
    """Check a configuration: everything that is wrong with it, or what it will do, and which PEKAT answers now.

    A PEKAT that does not answer is shown, and is no error of the configuration.
    """
    from gateway.cli import check as checking
    from gateway.cli.project_states import project_states, projects_of, states_table
    from gateway.cli.roll_call import all_of, roll_call, roll_table

    settings = settings_or_exit(config)
    console().print(checking.check_report(settings))
    if ask:
        console().print(roll_table(roll_call(all_of(settings))))
        if managed := projects_of(settings):
            console().print(states_table(project_states(managed)))


app.command()(doctor)
app.command()(trace)


@app.command()
def grab(
    config: ConfigFile,
    station: Annotated[str, typer.Argument(help="The station whose source is tried.", metavar="STATION")],
    out: Annotated[Path, typer.Argument(help="Where the picture goes; raw pixels become a PNG.", metavar="OUT")],
    part_id: Annotated[str, typer.Option(help="The part id, where pictures are found by it.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="Seconds to wait for the picture.")] = 10.0,
    view: Annotated[str, typer.Option(help="Of several views this one [default: each, OUT with its name].")] = "",
) -> None:
    """Prove a station's image source: one picture, as a trigger would get it. A dropped file goes to `unjudged`."""
    from gateway.cli import grab as grabbing

    settings = settings_or_exit(config)
    try:
        wanted = grabbing.wanted_of(grabbing.station_of(settings, station, config), view, out, part_id, timeout)
    except ConfigError as error:
        raise fail(str(error), error.hint) from error
    run(lambda stop: grabbing.grab_all(wanted, stop))


@app.command()
def cameras(
    driver: Annotated[DriverName | None, typer.Option(help="Only this driver's [default: those installed].")] = None,
    interface: Annotated[
        str, typer.Option(help="IP address of one interface of this machine [default: all but loopback].")
    ] = "",
    producer: Annotated[
        Path | None, typer.Option(help="A GenTL producer (.cti) [default: those in GENICAM_GENTL64_PATH].")
    ] = None,
) -> None:
    """List the cameras that answer, with the driver that finds each. None is disturbed."""
    from gateway.cli.cameras import Wanted, list_cameras

    raise typer.Exit(list_cameras(Wanted(driver, interface, producer)))


@app.command()
def tags(
    tag_map: Annotated[
        str, typer.Argument(metavar="MAP", help="A shipped map's name, as `standard`, or a .toml file.")
    ],
    output: Annotated[Literal["text", "csv", "md", "json"], typer.Option("--format", help="How to print it.")] = "text",
    station: Annotated[str, typer.Option(help="The station's name in the node ids.")] = "station1",
    offset: Annotated[int, typer.Option(min=0, help="The station's address offset.")] = 0,
    views: Annotated[bool, typer.Option("--views", help="With the tags of a station with several views.")] = False,
) -> None:
    """The tag table of a map: registers in all notations, bits, coils, node ids."""
    from gateway.cli import tags as tag_tables

    try:
        registers = load_map(tag_map, several_views=views)
    except (ConfigError, ConfigErrors) as error:
        raise fail(str(error), getattr(error, "hint", "")) from error
    rows = tag_tables.tag_rows(registers, station=station, offset=offset)
    if output == "text":
        console().print(tag_tables.as_text(rows))
    else:
        sys.stdout.write(
            {"csv": tag_tables.as_csv, "md": tag_tables.as_markdown, "json": tag_tables.as_json}[output](rows)
        )


@app.command()
def probe(
    host: Annotated[str, typer.Option(help="Where the gateway listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its Modbus TCP port.")] = 502,
    tag_map: Annotated[str, typer.Option("--map", help="The station's tag map.")] = "standard",
    offset: Annotated[int, typer.Option(min=0, help="The station's address offset.")] = 0,
) -> None:
    """Does a gateway live there? Reads the status block over Modbus TCP; exit code 2 if not. For health checks."""
    from gateway.sim.plc_modbus import ModbusFace

    face = ModbusFace(host, port, load_map(tag_map), offset=offset)
    run(lambda stop: _probe(face))


async def _probe(face: "ModbusFace") -> int:
    try:
        async with face:
            tags_now = await face.read()
    except ConnectionError as error:
        raise fail(str(error), "is the gateway running, and are address and port right?") from error
    if tags_now["map_signature"] != MAP_SIGNATURE:
        raise fail(f"register 0 holds {tags_now['map_signature']}, not {MAP_SIGNATURE}", "another device, or an offset")
    online = "online" if tags_now["online"] else f"offline, reason {tags_now['offline_reason']}"
    typer.echo(f"a gateway, {online}, heartbeat {tags_now['heartbeat']}")
    return 0


@app.command("schema")
def schema_() -> None:
    """The JSON schema of gateway.toml, for editors."""
    typer.echo(json.dumps(schema(), indent=2))
