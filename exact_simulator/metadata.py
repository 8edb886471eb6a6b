"""`$metadata`: a service's entity types as CSDL, from the facts."""

from functools import cache

from exact_simulator.facts import Endpoint
from exact_simulator.render import model, singular
from exact_simulator.routes import services

_HEAD = (
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n'
    '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">'
    '<edmx:DataServices m:DataServiceVersion="1.0" '
    'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
)
_SCHEMA = '<Schema Namespace="{namespace}" xmlns="http://schemas.microsoft.com/ado/2007/05/edm">'


@cache
def metadata(service: str) -> str:
    """Describe the endpoints of a service (`crm`, `sync/CRM`)."""
    readable = [endpoint for endpoint in services()[service] if "GET" in endpoint.methods]
    schemas: dict[str, list[Endpoint]] = {}
    for endpoint in readable:
        schemas.setdefault(model(endpoint).rpartition(".")[0], []).append(endpoint)
    bodies = [
        _SCHEMA.format(namespace=namespace) + "".join(_entity_type(item) for item in items) + "</Schema>"
        for namespace, items in schemas.items()
    ]
    sets = "".join(f'<EntitySet Name="{item.entity}" EntityType="{model(item)}" />' for item in readable)
    container = (
        _SCHEMA.format(namespace="Exact.Web.Api.System")
        + f'<EntityContainer Name="Service" m:IsDefaultEntityContainer="true">{sets}</EntityContainer></Schema>'
    )
    return f"{_HEAD}{''.join(bodies)}{container}</edmx:DataServices></edmx:Edmx>"


def _entity_type(endpoint: Endpoint) -> str:
    refs = "".join(f'<PropertyRef Name="{item.name}" />' for item in endpoint.key)
    properties = "".join(
        f'<Property Name="{item.name}" Type="{item.edm_type}" Nullable="{str(not item.is_key).lower()}" />'
        for item in endpoint.properties
    )
    links = "".join(f'<NavigationProperty Name="{item.name}" />' for item in endpoint.navigations)
    key = f"<Key>{refs}</Key>" if refs else ""
    return f'<EntityType Name="{singular(endpoint.entity)}">{key}{properties}{links}</EntityType>'
