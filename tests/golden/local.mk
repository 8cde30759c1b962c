# SPDX-License-Identifier: GPL-2.0-or-later
# Plans of captured host trees, compared with stored ones; needs the program and no privilege.
TESTS += tests/golden/run
EXTRA_DIST += tests/golden/cdi tests/golden/doctor tests/golden/graft tests/golden/lib.sh tests/golden/plan tests/golden/refresh tests/golden/run
