"""Writing documents and attachments."""
