#!/usr/bin/python3
# SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only)
"""Serves Debian's graphite-web over HTTP; graphite_web.py starts it, with the settings in its folder.

usage: graphite_wsgi.py FOLDER PORT     FOLDER holds graphite_settings.py

Every request has a thread: carbon-cache tells of tags while somebody renders.
"""
import os
import socketserver
import sys
import wsgiref.simple_server


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


def main(folder, port):
    sys.path.insert(0, folder)
    os.environ.update(DJANGO_SETTINGS_MODULE="graphite.settings", GRAPHITE_SETTINGS_MODULE="graphite_settings")
    import django
    from django.core.management import call_command
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    from graphite.wsgi import application
    with wsgiref.simple_server.make_server("127.0.0.1", port, application, server_class=Server) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
