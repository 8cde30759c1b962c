# SPDX-License-Identifier: GPL-2.0-or-later
pkgconfigdir = $(datadir)/pkgconfig
nodist_pkgconfig_DATA = dist/greffon.pc

# Completion scripts come from the program's own tables of options, so the program has to run here.
if !CROSS_COMPILING
bashcompdir = $(datadir)/bash-completion/completions
zshcompdir = $(datadir)/zsh/site-functions
fishcompdir = $(datadir)/fish/vendor_completions.d
nodist_bashcomp_DATA = dist/completions/greffon
nodist_zshcomp_DATA = dist/completions/_greffon
nodist_fishcomp_DATA = dist/completions/greffon.fish
CLEANFILES += $(nodist_bashcomp_DATA) $(nodist_zshcomp_DATA) $(nodist_fishcomp_DATA)
dist/completions/greffon: greffon$(EXEEXT)
	$(AM_V_GEN)mkdir -p $(@D) && ./greffon$(EXEEXT) completion bash >$@.new && mv -f $@.new $@
dist/completions/_greffon: greffon$(EXEEXT)
	$(AM_V_GEN)mkdir -p $(@D) && ./greffon$(EXEEXT) completion zsh >$@.new && mv -f $@.new $@
dist/completions/greffon.fish: greffon$(EXEEXT)
	$(AM_V_GEN)mkdir -p $(@D) && ./greffon$(EXEEXT) completion fish >$@.new && mv -f $@.new $@
endif

.PHONY: deb rpm
deb rpm:
	GREFFON_BUILD=$(abs_builddir) $(srcdir)/dist/package $@ $(abs_builddir)

# A release tells what it was made of, though it has no history of its own.
dist-hook:
	test -e $(srcdir)/COMMIT || cp commit.h $(distdir)/COMMIT
