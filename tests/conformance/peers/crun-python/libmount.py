# SPDX-License-Identifier: GPL-2.0-or-later
"""What crun's tests use of util-linux's Python module of this name, which not every distribution packages: a table
of mounts read from a file of mountinfo's form (proc(5)), and the options of the one at a place."""


class Fs:
    def __init__(self, line):
        fields = line.split()
        after = fields.index("-", 6)
        self.target = fields[4]
        self.vfs_options = fields[5]
        self.fs_options = fields[after + 3]


class Table:
    def __init__(self, path):
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            self.mounts = [Fs(line) for line in f if line.strip()]

    def find_target(self, target):
        """The mount that is seen at target: the last one there."""
        return next((fs for fs in reversed(self.mounts) if fs.target == target), None)
