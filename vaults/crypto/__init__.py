"""The formats of SPEC.md. Pure: no framework, no network, no clock."""
