"""What Exact's reference says of each endpoint: paths, properties, types, keys, flags. Data and its loader only.

The data file holds one endpoint a line. A property reads `Name:Type` with marks behind the type: `*` part of the
key, `?` filterable, `!` mandatory on write, `~` known from traffic and not from the reference. A navigation
property reads `Name` or `Name:path of its rows:their foreign key:the property of ours that it holds`.
How the rows come about belongs in `exact_simulator.books`, how they are served in the rest of the package.
"""

from exact_simulator.facts.endpoint import Endpoint, Navigation, Property
from exact_simulator.facts.load import endpoint_by_path, load_endpoints

__all__ = ["Endpoint", "Navigation", "Property", "endpoint_by_path", "load_endpoints"]
