"""The OData dialect that Exact speaks: query options, filters, keys and page links. No HTTP and no rows."""
