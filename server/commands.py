"""The command line: `chibo` and what it can do. It speaks English.

Every command reads the settings from the environment, does one thing, and ends with 0 when it is
done, 1 where the input or the store is at fault (in words, on standard error), 2 for wrong usage.
What a command does lives elsewhere; here it is only called and told. A command imports what it
needs when it is called: whoever wants a token does not wait for a graph database's driver.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from hierarchy.errors import ChiboError
from server import logs
from server.folder.faults import LoadRefused
from server.progress import Bars
from server.settings import Settings, SettingsError

if TYPE_CHECKING:
    from server.loading import Counts, LoadSummary

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)

policy = typer.Typer(no_args_is_help=True, help="Show, check and set the policy: who may do what.")
app.add_typer(policy, name="policy")
appointment = typer.Typer(no_args_is_help=True, help="End appointments that nobody above can end.")
app.add_typer(appointment, name="appointment")
audit = typer.Typer(no_args_is_help=True, help="The trail of who did what.")
app.add_typer(audit, name="audit")
documents = typer.Typer(no_args_is_help=True, help="The documents that clients may ask by name.")
app.add_typer(documents, name="documents")
cursors = typer.Typer(no_args_is_help=True, help="The places that clients were told to go on from.")
app.add_typer(cursors, name="cursors")

DAY_SECONDS = 86_400
MAX_SHOWN = 50
"""Violations printed; how many there are is told behind them."""


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to serve on.")] = 8000,
) -> None:
    """Make a demo province if there is none, print viewers and queries, and serve."""
    from server import demo as demonstration
    from server import serving

    settings = demonstration.settings_of_demo()
    asyncio.run(demonstration.prepare(settings))
    print(demonstration.introduction(settings, port))
    serving.serve(settings, "127.0.0.1", port, 1)


@app.command()
def load(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The data folder.")],
    again: Annotated[
        bool, typer.Option("--again", help="Load record files even if loaded before.")
    ] = False,
) -> None:
    """Load a data folder: all of it is checked first, and all of it stored or nothing."""
    from server.loading import load as load_folder
    from server.stores import open_stores

    settings = Settings()

    async def run() -> "LoadSummary":
        async with open_stores(settings) as stores:
            await stores.prepare()
            with Bars() as bars:
                loaded = await load_folder(
                    stores.database, stores.graph, folder, settings.today(), again, bars.show
                )
            await stores.seal()
            return loaded

    _tell_loaded(asyncio.run(run()).files)


@app.command()
def decide(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The decision, as YAML or JSON.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would do, without doing it.")
    ] = False,
) -> None:
    """Take one decision of reorganisation, or only try it."""
    from server.deciding import decide as take
    from server.deciding import said
    from server.decision_file import DecisionRefused
    from server.stores import open_stores

    async def run() -> str:
        async with open_stores(Settings()) as stores:
            await stores.prepare()
            outcome = await take(stores, file, dry_run)
            await stores.seal()
            return said(outcome, dry_run)

    try:
        print(asyncio.run(run()))
    except DecisionRefused as error:
        _fail(str(error))


@app.command()
def history(code: Annotated[str, typer.Argument(metavar="CODE", help="Of the unit.")]) -> None:
    """Print a unit's life: what it was and where, and by which decisions."""
    from server.history import history as life
    from server.stores import open_stores

    async def run() -> list[str]:
        async with open_stores(Settings()) as stores:
            await stores.prepare()
            return await life(stores, code)

    print("\n".join(asyncio.run(run())))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to bind to.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to bind to.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
) -> None:
    """Serve GraphQL at /graphql, and /healthz and /readyz."""
    from server import serving

    serving.serve(Settings(), host, port, workers)


@app.command()
def token(
    principal: Annotated[str, typer.Argument(help="Who the token speaks for.")],
    ttl: Annotated[int, typer.Option(min=1, help="Seconds it is good for.")] = DAY_SECONDS,
) -> None:
    """Print a development token for a principal."""
    from server.identity import development_token, key_file

    settings = Settings()
    if not key_file(settings).exists():
        note = f"A new development key is made in {settings.home}: no server elsewhere knows it."
        print(note, file=sys.stderr)
    try:
        print(development_token(settings, principal, ttl))
    except ValueError as error:
        _fail(str(error))


@app.command()
def generate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    shape: Annotated[
        Literal["nghe-an", "nation", "reorganisation-2025"], typer.Option(help="Whose proportions.")
    ] = "nghe-an",
    years: Annotated[int, typer.Option(min=0, max=50, help="Years of records.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed writes the same folder.")] = 1,
) -> None:
    """Write a synthetic data folder in the shape's real proportions."""
    from server import generation

    with Bars() as bars:
        remarks = generation.generate(folder, shape, years, seed, Settings().today(), bars.count)
    for remark in remarks:
        print(remark)


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from graph.schema.schema import schema as graphql_schema

    print(graphql_schema.as_str())


@app.command()
def explain(principal: str, action: str, resource: str, unit: str) -> None:
    """Print whether a principal may do something at a unit, and by which rule and appointment or
    grant; or what is missing, the nearest first."""
    from server.explaining import explained
    from server.stores import open_stores

    async def run() -> str:
        settings = Settings()
        async with open_stores(settings) as stores:
            await stores.prepare()
            asked = principal, action, resource, unit
            told = await explained(stores, settings.today(), *asked)
            await stores.seal()
            return told

    print(asyncio.run(run()))


@app.command()
def verify(
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Hold the trail against what was exported, too."),
    ] = None,
) -> None:
    """Check every invariant that the stores must hold."""
    from server.auditing import difference
    from server.stores import open_stores
    from server.verifying import violations

    async def run() -> list[str]:
        settings = Settings()
        async with open_stores(settings) as stores:
            await stores.database.migrate()
            differs = against and await difference(stores.database, against)
            return [*([differs] if differs else []), *await violations(stores)]

    found = asyncio.run(run())
    for violation in found[:MAX_SHOWN]:
        print(violation, file=sys.stderr)
    if found:
        _fail(f"{len(found)} invariants do not hold")
    print("all invariants hold")


@appointment.command("end")
def end_appointment(
    principal: Annotated[str, typer.Argument(help="Who holds it.")],
    role: Annotated[str, typer.Argument(help="The role appointed to.")],
    unit: Annotated[str, typer.Argument(help="Code of the unit appointed at.")],
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day on which it no longer holds; today."),
    ] = None,
) -> None:
    """End a principal's appointments to a role at a unit."""
    from server.appointing import end
    from server.stores import open_stores

    settings = Settings()
    today = settings.today()
    day = on.date() if on else today

    async def run() -> int:
        async with open_stores(settings) as stores:
            await stores.prepare()
            return await end(stores, principal, role, unit, day, today)

    count = asyncio.run(run())
    print(f"{count} {'appointment' if count == 1 else 'appointments'} ended on {day}")


@audit.command("export")
def export_audit(
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; else standard output.")
    ] = None,
) -> None:
    """Write the sealed trail as JSON lines, with the head of its chain, to be kept elsewhere."""
    from server.auditing import export
    from server.stores import open_stores

    async def run() -> None:
        async with open_stores(Settings()) as stores:
            await stores.prepare()
            await stores.seal()
            await export(stores.database, output)

    asyncio.run(run())


@policy.command("show")
def show_policy(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As the tables of a page, not as a file.")
    ] = False,
) -> None:
    """Print the stored policy, as a file that may be set again."""
    from server.policies import stored
    from server.policy_file import written
    from server.policy_page import tables
    from server.stores import open_stores

    async def run() -> str:
        async with open_stores(Settings()) as stores:
            await stores.prepare()
            rules, kinds = await stored(stores.database)
            return tables(rules, [kind.code for kind in kinds]) if markdown else written(rules)

    typer.echo(asyncio.run(run()).encode(), nl=False)


@policy.command("check")
def check_policy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The whole policy, as CSV.")],
) -> None:
    """Say what a policy would change, for how many viewers and units, without setting it."""
    from server.policies import check, said
    from server.stores import open_stores

    async def run() -> str:
        settings = Settings()
        async with open_stores(settings) as stores:
            await stores.prepare()
            with Bars() as bars:
                return said(await check(stores.database, file, settings.today(), bars.count))

    print(asyncio.run(run()))


@policy.command("set")
def set_policy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The whole policy, as CSV.")],
) -> None:
    """Put the policy of a file in the place of the stored one, and say what that changes."""
    from server.policies import put, said
    from server.stores import open_stores

    async def run() -> str:
        settings = Settings()
        async with open_stores(settings) as stores:
            await stores.prepare()
            with Bars() as bars:
                changed = await put(stores.database, file, settings.today(), bars.count)
            await stores.seal()
            return said(changed)

    print(asyncio.run(run()))


@documents.command("add")
def add_documents(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="With *.graphql, and *.json of ids and documents.")
    ],
) -> None:
    """Make the documents of a folder trusted, all of them or none."""
    from server.document_folder import DocumentsRefused
    from server.documents import Added, add
    from server.stores import open_stores

    async def run() -> Added:
        settings = Settings()
        async with open_stores(settings) as stores:
            await stores.prepare()
            return await add(stores.database, folder, settings.limits())

    try:
        added = asyncio.run(run())
    except DocumentsRefused as error:
        _fail(str(error))
    print(f"{added.new} new, {added.skipped} skipped")


@cursors.command("renew")
def renew() -> None:
    """Refuse every cursor that was given before: after a restore, before servers start."""
    from server.cursors import renew_cursors
    from server.stores import open_stores

    async def run() -> None:
        async with open_stores(Settings()) as stores:
            await stores.prepare()
            await renew_cursors(stores.database)

    asyncio.run(run())
    print("Clients read anew: no cursor that was given before is taken.")


def main() -> None:
    """The console script."""
    logs.configure("WARNING")
    try:
        app()
    except LoadRefused as error:
        _fail(str(error))
    except (ChiboError, SettingsError) as error:
        _fail(f"chibo: {error}")
    except (SQLAlchemyError, OSError) as error:
        _fail(f"chibo: {_words(error)}")
    except KeyboardInterrupt:
        sys.exit(130)


def _tell_loaded(files: "dict[str, Counts]") -> None:
    console = Console(highlight=False)
    for name, counts in files.items():
        console.print(f"{name}: {counts.new} new, {counts.skipped} skipped")


def _words(error: Exception) -> str:
    """An error of the system or of a database in one line, without what it was about."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0] if lines else ''}"


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(1)
