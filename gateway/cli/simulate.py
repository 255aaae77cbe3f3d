"""`pekat-gateway sim ...`: a PEKAT project and a PLC to try a gateway with."""

import asyncio
from typing import Annotated, Literal

import typer
from rich.console import Console

from gateway.cli.demo_display import percentiles
from gateway.cli.runner import fail, run, secret
from gateway.core.errors import LinkError
from gateway.core.result import Verdict
from gateway.sim.gige_camera import CAMERA_HINT, FAKES, FakeName, run_camera
from gateway.sim.pekat_settings import Judge, Mischief, Mode, PekatSimSettings
from gateway.sim.plc import Answer, Outcome, Play, Plc, PlcFace, Style
from gateway.tagmap import load_map

sim = typer.Typer(no_args_is_help=True)


@sim.command("pekat")
def pekat_project(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")] = 8000,
    delay_ms: Annotated[int, typer.Option(min=0, help="How long it thinks about each image.")] = 0,
    jitter_ms: Annotated[int, typer.Option(min=0, help="Up to so much longer, by chance.")] = 0,
    version: Annotated[str, typer.Option(help="What /version says; empty: as before 3.18.")] = "4.0.3",
    share_memory: Annotated[bool, typer.Option(help="Whether it finds the client's shared memory.")] = True,
    judge: Annotated[Judge, typer.Option(help="Verdicts by defects, or by the brightness in the middle.")] = "look",
    misbehave: Annotated[Mode | None, typer.Option(help="Misbehave from the start.")] = None,
    count: Annotated[int | None, typer.Option(min=0, help="For so many requests; not given: always.")] = None,
    exit_with_parent: Annotated[bool, typer.Option(help="End when standard input ends.")] = False,
    manager_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="A Projects Manager listens there, and starts the projects.")
    ] = None,
    project: Annotated[
        list[str] | None, typer.Option(help="With --manager-port: a project as PATH=PORT; give it again for more.")
    ] = None,
    running: Annotated[list[str] | None, typer.Option(help="With --manager-port: the PATH of one that runs.")] = None,
    start_ms: Annotated[int, typer.Option(min=0, help="With --manager-port: how long a project starts.")] = 500,
    separators: Annotated[str, typer.Option(help="With --manager-port: those that it understands.")] = ":|",
) -> None:
    """A simulated PEKAT project: the whole REST API, and it really looks at the pictures.

    POST {"mode": "hang", "count": 3} to /sim/misbehave to have it misbehave while it runs. With --manager-port it is
    PEKAT's Projects Manager instead, with projects that its clients start, stop and switch to.
    """
    from gateway.sim.pekat import run as run_pekat  # brings a web server and an imaging library

    mischief = None if misbehave is None else Mischief(mode=misbehave, count=count)
    settings = PekatSimSettings(
        host=host,
        port=port,
        delay_ms=delay_ms,
        jitter_ms=jitter_ms,
        version=version,
        mischief=mischief,
        shares_memory=share_memory,
        judge=judge,
    )
    try:
        if manager_port is None:
            run_pekat(settings, exit_with_parent=exit_with_parent)
            return
        from gateway.sim.projects_manager import ManagerSimSettings, run_manager

        projects = dict(_project(one, settings) for one in project or ())
        unknown = [path for path in running or () if path not in projects]
        if not projects or unknown:
            raise fail("--manager-port needs projects", "add --project PATH=PORT for each, also for those of --running")
        manager = ManagerSimSettings(projects, host, manager_port, separators, start_ms / 1000, running or ())
        run_manager(manager, exit_with_parent=exit_with_parent)
    except LinkError as error:
        raise fail(str(error), error.hint) from error


def _project(text: str, like: PekatSimSettings) -> tuple[str, PekatSimSettings]:
    """What --project says: a path, and a project like the others at its own port."""
    path, _, port = text.rpartition("=")
    if not path or not port.isdecimal() or not 0 < int(port) < 65536:
        raise fail(f"--project {text}: is no PATH=PORT", "write it like --project /projects/bottle=8001")
    return path, like.model_copy(update={"port": int(port), "project": path})


@sim.command()
def camera(
    maker: Annotated[FakeName | None, typer.Option(help="Whose camera [default: the first that is installed].")] = None,
    exit_with_parent: Annotated[bool, typer.Option(help="End when standard input ends.")] = False,
) -> None:
    """A simulated GigE Vision camera on 127.0.0.1: viva-genicam's, or Aravis' arv-fake-gv-camera-0.8."""
    chosen = [fake for name, fake in FAKES.items() if maker in (None, name) and fake.installed()]
    if not chosen:
        raise fail("no simulated camera is installed", CAMERA_HINT)
    try:
        run_camera(chosen[0], exit_with_parent=exit_with_parent)
    except LinkError as error:
        raise fail(str(error), error.hint) from error


@sim.command()
def plc(
    link: Annotated[Literal["modbus", "opcua"], typer.Option(help="How to reach the gateway.")] = "modbus",
    host: Annotated[str, typer.Option(help="Modbus: the gateway's address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Modbus: its port.")] = 502,
    unit: Annotated[int, typer.Option(min=0, max=255, help="Modbus: unit id.")] = 1,
    offset: Annotated[int, typer.Option(min=0, help="Modbus: the station's address offset.")] = 0,
    tag_map: Annotated[str, typer.Option("--map", help="Modbus: the station's tag map.")] = "standard",
    url: Annotated[str, typer.Option(help="OPC UA: the gateway's URL.")] = "opc.tcp://127.0.0.1:4840",
    station: Annotated[str, typer.Option(help="OPC UA: the station's name.")] = "station1",
    user: Annotated[str, typer.Option(help="OPC UA: user name; not given: anonymous.")] = "",
    password_env: Annotated[str, typer.Option(help="OPC UA: environment variable with the password.")] = "",
    style: Annotated[Style, typer.Option(help="Trigger by the bit, or by numbers.")] = "bits",
    buffered: Annotated[bool, typer.Option(help="Have results queue until acknowledged.")] = False,
    inspections: Annotated[int, typer.Option(min=1, help="How many triggers.")] = 20,
    rate: Annotated[float, typer.Option(min=0, help="Triggers a second; 0 as fast as answers come.")] = 0.0,
    answer_timeout_ms: Annotated[int, typer.Option(min=1, help="A later answer counts as missing.")] = 10_000,
    part_prefix: Annotated[str, typer.Option(help="Part ids are this and six digits.")] = "P",
) -> None:
    """Play the PLC against a running gateway and check every answer. Exit code 1 where one is missing or wrong."""
    from gateway.sim.plc_modbus import ModbusFace  # brings pymodbus' client, and the next one asyncua's
    from gateway.sim.plc_opcua import OpcUaFace

    face: PlcFace = (
        ModbusFace(host, port, load_map(tag_map), unit, offset)
        if link == "modbus"
        else OpcUaFace(url, station, user, secret(password_env))
    )
    play = Play(inspections, style, buffered, rate, answer_timeout_s=answer_timeout_ms / 1000, part_prefix=part_prefix)
    run(lambda stop: _play(face, play, stop))


async def _play(face: PlcFace, play: Play, stop: asyncio.Event) -> int:
    console = Console(soft_wrap=True, highlight=False)
    try:
        async with face:
            playing = asyncio.create_task(Plc(face, play, lambda answer: _show(console, answer)).run())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (playing, stopping):
                task.cancel()
            await asyncio.wait({playing, stopping})
    except ConnectionError as error:
        raise fail(str(error), "is the gateway running, and are address and port right?") from error
    if playing.cancelled():
        console.print("stopped")
        return 1
    return _sum_up(console, play, playing.result())


def _show(console: Console, answer: Answer) -> None:
    reason = f" (reason {answer.reason})" if answer.reason else ""
    console.print(
        f"{answer.number:6d}  {answer.part_id}  {answer.verdict.name}{reason}  "
        f"{answer.detections} defects  {answer.latency_s * 1000:.2f} ms"
    )


def _sum_up(console: Console, play: Play, outcome: Outcome) -> int:
    p50, p99 = percentiles([round(answer.latency_s * 1e6) for answer in outcome.answers])
    counts = ", ".join(f"{outcome.count(verdict)} {verdict.name.replace('_', ' ')}" for verdict in _SHOWN)
    console.print(
        f"{len(outcome.answers)} of {play.count} answered: {counts}; latency p50 {p50:.2f} ms, p99 {p99:.2f} ms"
    )
    for slip in outcome.slips:
        console.print(f"wrong: {slip}", style="bold red")
    return 0 if outcome.good else 1


_SHOWN = (Verdict.OK, Verdict.NOK, Verdict.NO_DECISION)
