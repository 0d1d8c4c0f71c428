"""The service's processes, one a role, each run as `python -m service.roles.NAME`."""
