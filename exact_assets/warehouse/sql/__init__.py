"""SQL of the warehouse as text: names, types and statements, each made by a `Dialect`. No I/O and no policy."""
