"""One file per resource: path, permission, shapes in and out, one call into the domain."""
