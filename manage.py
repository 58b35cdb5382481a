#!/usr/bin/env python3
"""Django's door to the console: migrate, createsuperuser, rebuild, …"""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hacluster.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    settings.CONSOLE_FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
