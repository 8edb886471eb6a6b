"""`exact-assets models`."""

import click

from exact_assets.catalogue import chosen_tables
from exact_assets.cli.configured import configuration_of_command
from exact_assets.cli.show import number_of, show
from exact_assets.models.registry import chosen_models, models


@click.command(name="models")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models_command(as_json: bool) -> None:
    """List the business models: what each is, and which are not made, and why."""
    config = configuration_of_command()
    kept = {table.name for table in chosen_tables(config.tables, config.frequencies)}
    chosen = chosen_models(config.models, kept=kept)
    made = {model.name for model in chosen.made}
    if as_json:
        listed = [
            {
                "name": model.name,
                "is_made": name in made,
                "lacking": list(chosen.lacking.get(name, ())),
                "key": ["division", *model.key],
                "sources": list(model.sources),
                "description": model.description,
            }
            for name, model in models().items()
        ]
        show(listed, as_json=True)
        return
    show([{"name": name, "made": name in made} for name in models()], as_json=False)
    for name, tables in chosen.lacking.items():
        click.echo(f"{name} is not made: {', '.join(tables)} not kept (EXACT_TABLES)")
    click.echo(f"{number_of(len(models()), 'model')}, {len(made)} of them made")
