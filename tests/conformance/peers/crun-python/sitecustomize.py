# SPDX-License-Identifier: GPL-2.0-or-later
"""Read by Python when it starts. The names of the temporary folders are the containers' ids and so their cgroups':
a mark in them tells ours from everybody else's. A test that waits for a connection doesn't wait for ever."""
import os
import socket
import tempfile

tempfile.template = os.environ.get("PEERS_MARK", tempfile.template)
socket.setdefaulttimeout(20)
