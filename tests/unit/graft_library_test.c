/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>

#include "graft_fixture.h"
#include "hooks/library.h"
#include "hooks/nvidia_libraries.h"

#define DRIVER "580.95.05"
#define LIB "usr/lib/x86_64-linux-gnu"

/* A library that has nothing but what it says to the loader. */
struct fake {
	const char *soname;
	const char *needed[4];
	const char *from, *version; /* one version that it needs of a library */
	const char *define;	    /* ... and one that it offers */
	bool versym;
};

struct fake_file {
	Elf64_Ehdr header;
	Elf64_Phdr load, dynamic;
	Elf64_Dyn dyn[16];
	Elf64_Verneed need;
	Elf64_Vernaux need_aux;
	Elf64_Verdef def;
	Elf64_Verdaux def_aux;
	Elf64_Half versym[2];
	char text[512];
};

static Elf64_Word fake_text(struct fake_file *x, size_t *used, const char *s)
{
	size_t at = *used;

	cr_assert_lt(at + strlen(s) + 1, sizeof(x->text));
	memcpy(x->text + at, s, strlen(s) + 1);
	*used += strlen(s) + 1;
	return (Elf64_Word)at;
}

static void fake_versions(struct fake_file *x, const struct fake *f, size_t *used, size_t *n)
{
	if (f->version != NULL) {
		x->need = (Elf64_Verneed){
			1, 1, fake_text(x, used, f->from),
			offsetof(struct fake_file, need_aux) - offsetof(struct fake_file, need), 0};
		x->need_aux = (Elf64_Vernaux){.vna_name = fake_text(x, used, f->version)};
		x->dyn[(*n)++] = (Elf64_Dyn){DT_VERNEED, {offsetof(struct fake_file, need)}};
		x->dyn[(*n)++] = (Elf64_Dyn){DT_VERNEEDNUM, {1}};
	}
	if (f->define != NULL) {
		x->def = (Elf64_Verdef){
			.vd_version = 1,
			.vd_cnt = 1,
			.vd_aux = offsetof(struct fake_file, def_aux) -
				  offsetof(struct fake_file, def),
		};
		x->def_aux = (Elf64_Verdaux){fake_text(x, used, f->define), 0};
		x->dyn[(*n)++] = (Elf64_Dyn){DT_VERDEF, {offsetof(struct fake_file, def)}};
		x->dyn[(*n)++] = (Elf64_Dyn){DT_VERDEFNUM, {1}};
	}
	if (f->versym)
		x->dyn[(*n)++] = (Elf64_Dyn){DT_VERSYM, {offsetof(struct fake_file, versym)}};
}

static void fake_write(struct graft_fixture *f, const char *path, struct fake lib)
{
	struct fake_file x = {.header = {.e_type = ET_DYN,
					 .e_machine = (Elf64_Half)library_machine(),
					 .e_version = EV_CURRENT,
					 .e_phoff = offsetof(struct fake_file, load),
					 .e_ehsize = sizeof(Elf64_Ehdr),
					 .e_phentsize = sizeof(Elf64_Phdr),
					 .e_phnum = 2}};
	size_t used = 1, n = 0;

	memcpy(x.header.e_ident, ELFMAG, SELFMAG);
	x.header.e_ident[EI_CLASS] = ELFCLASS64;
	x.header.e_ident[EI_DATA] =
		__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	x.header.e_ident[EI_VERSION] = EV_CURRENT;
	x.load = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = sizeof(x), .p_memsz = sizeof(x)};
	x.dynamic = (Elf64_Phdr){.p_type = PT_DYNAMIC,
				 .p_offset = offsetof(struct fake_file, dyn),
				 .p_vaddr = offsetof(struct fake_file, dyn),
				 .p_filesz = sizeof(x.dyn)};
	x.dyn[n++] = (Elf64_Dyn){DT_STRTAB, {offsetof(struct fake_file, text)}};
	x.dyn[n++] = (Elf64_Dyn){DT_STRSZ, {sizeof(x.text)}};
	x.dyn[n++] = (Elf64_Dyn){DT_SONAME, {fake_text(&x, &used, lib.soname)}};
	for (size_t i = 0; i < ARRAY_LEN(lib.needed) && lib.needed[i] != NULL; i++)
		x.dyn[n++] = (Elf64_Dyn){DT_NEEDED, {fake_text(&x, &used, lib.needed[i])}};
	fake_versions(&x, &lib, &used, &n);
	fixture_bytes(f, path, &x, sizeof(x));
}

/* A node and an image that has a C library; its own cache comes from cache(). */
struct library_fixture {
	struct graft_fixture f;
	struct graft_edits ed;
	struct ldcache_entry entry[8];
	size_t n_entry;
};

static void library_new(struct library_fixture *x)
{
	memset(x, 0, sizeof(*x));
	fixture_new(&x->f);
	fake_write(&x->f, "image/lib/libc.so.6", (struct fake){.soname = "libc.so.6"});
}

static void library_cache(struct library_fixture *x, const char *name, const char *path)
{
	x->entry[x->n_entry++] = (struct ldcache_entry){
		.flags = ldcache_flags(library_machine(), 64), .name = name, .path = path};
}

static void library_ask_for(struct library_fixture *x, const char *name, const char *version)
{
	*ARENA_PUSH(&x->f.arena, &x->ed.library) = (struct graft_library){
		.domain = GRAFT_GPU, .name = name, .version = version, .why = "the test"};
}

static void library_write_cache(struct library_fixture *x)
{
	struct ldcache none = {0}, c;
	size_t len;

	ldcache_merge(&none, x->entry, x->n_entry, &x->f.arena, &c);
	const char *text = ldcache_write(&c, &x->f.arena, &len, &x->f.e);
	cr_assert_not_null(text);
	fixture_bytes(&x->f, "etc/ld.so.cache", text, len);
}

static const char *library_list(struct library_fixture *x, const struct graft_edit_mounts *m,
				bool target)
{
	const char *list = "";

	for (size_t i = 0; i < m->n; i++)
		list = arena_printf(&x->f.arena, "%s%s%s", list, i > 0 ? " " : "",
				    target ? m->v[i].target : m->v[i].source);
	return list;
}

/* What is mounted from the host, in order. */
static const char *library_plan(struct library_fixture *x)
{
	autoclose int root = open(fixture_path(&x->f, "image"), O_PATH | O_CLOEXEC);
	struct graft_image image = {.root = root, .folder = "/graft"};

	library_write_cache(x);
	cr_assert_eq(graft_libraries(&x->f.host, &image, &x->f.arena, &x->ed, &x->f.e), 0, "%s",
		     x->f.e.text);
	return library_list(x, &x->ed.mount, false);
}

/* Debian's nvidia-driver packages: the loader knows names, each a link to alternatives. */
static void debian(struct library_fixture *x)
{
	static const char *const libs[] = {"libcuda", "libnvidia-ml"};

	for (size_t i = 0; i < ARRAY_LEN(libs); i++) {
		struct arena *a = &x->f.arena;
		const char *so = arena_printf(a, "%s.so.1", libs[i]);
		const char *link = arena_printf(a, "nvidia--%s-x86_64-linux-gnu", so);
		const char *folder = LIB "/nvidia/current";

		fixture_link(&x->f, arena_printf(a, "%s/%s", LIB, so),
			     arena_printf(a, "/etc/alternatives/%s", link));
		fixture_link(&x->f, arena_printf(a, "etc/alternatives/%s", link),
			     arena_printf(a, "../../%s/%s", folder, so));
		fake_write(&x->f, arena_printf(a, "%s/%s.so." DRIVER, folder, libs[i]),
			   (struct fake){.soname = so});
		fixture_link(&x->f, arena_printf(a, "%s/%s", folder, so),
			     arena_printf(a, "%s.so." DRIVER, libs[i]));
		library_cache(x, so, arena_printf(a, "/lib/x86_64-linux-gnu/%s", so));
	}
	fixture_link(&x->f, "lib", "usr/lib");
}

Test(graft_library, a_driver_behind_debians_alternatives_is_found)
{
	struct library_fixture x;

	library_new(&x);
	debian(&x);
	library_ask_for(&x, "libcuda.so", DRIVER);
	library_ask_for(&x, "libnvidia-ml.so", DRIVER);
	cr_assert_str_eq(library_plan(&x), "/" LIB "/nvidia/current/libcuda.so." DRIVER " /" LIB
					   "/nvidia/current/libnvidia-ml.so." DRIVER);
	cr_assert_eq(x.ed.note.n, 0);
	cr_assert_str_eq(x.ed.mount.v[0].target, "/graft/libcuda.so.1");
	fixture_done(&x.f);
}

Test(graft_library, links_of_the_host_stay_below_its_root, .timeout = 20)
{
	struct library_fixture x;
	struct library_tree t = {.host = FD_NONE};

	library_new(&x);
	library_tree_open(&t, x.f.host.root, &x.f.arena);
	fixture_file(&x.f, "usr/lib/a", "");
	fixture_link(&x.f, "lib", "usr/lib");
	fixture_link(&x.f, "above", "../../../lib/a");
	fixture_link(&x.f, "loop", "loop");
	fixture_link(&x.f, "usr/again", "../above");
	fixture_link(&x.f, "usr/folder", "../above/"); /* which a file is not */
	cr_assert_str_eq(library_tree_real(&t, "/lib/./a"), "/usr/lib/a");
	cr_assert_str_eq(library_tree_real(&t, "/above"), "/usr/lib/a");
	cr_assert_str_eq(library_tree_real(&t, "/lib/../again"), "/usr/lib/a");
	cr_assert_str_eq(library_tree_real(&t, "/.."), "/");
	cr_assert_str_eq(library_tree_real(&t, "/lib/../../usr/.."), "/");
	cr_assert_null(library_tree_real(&t, "/usr/folder"));
	cr_assert_null(library_tree_real(&t, "/loop"));
	cr_assert_null(library_tree_real(&t, "/lib/none"));
	fixture_done(&x.f);
}

/* What a CDI document has of them. */
static const char *library_document(struct library_fixture *x, bool target)
{
	struct graft_edit_mounts files = {0};

	library_write_cache(x);
	graft_library_files(&x->f.host, &x->f.arena, &x->ed, &files, &x->ed.note);
	return library_list(x, &files, target);
}

Test(graft_library, documents_know_folders_of_the_loaders_cache)
{
	struct library_fixture x;

	library_new(&x);
	fake_write(&x.f, "opt/nvidia/libcuda.so." DRIVER, (struct fake){.soname = "libcuda.so.1"});
	fixture_link(&x.f, "opt/nvidia/libcuda.so.1", "libcuda.so." DRIVER);
	library_cache(&x, "libcuda.so.1", "/opt/nvidia/libcuda.so.1");
	library_ask_for(&x, "libcuda.so", DRIVER);
	cr_assert_str_eq(library_document(&x, false),
			 "/opt/nvidia/libcuda.so." DRIVER " /opt/nvidia/libcuda.so." DRIVER);
	cr_assert_str_eq(library_document(&x, true),
			 "/opt/nvidia/libcuda.so.1 /opt/nvidia/libcuda.so");
	fixture_done(&x.f);
}

Test(graft_library, documents_show_a_driver_where_the_hosts_loader_sees_it)
{
	struct library_fixture x;

	library_new(&x);
	debian(&x);
	library_ask_for(&x, "libcuda.so", DRIVER);
	cr_assert_str_eq(library_document(&x, true), "/lib/x86_64-linux-gnu/libcuda.so.1"
						     " /lib/x86_64-linux-gnu/libcuda.so");
	cr_assert_eq(x.ed.note.n, 0);
	fixture_done(&x.f);
}

/* What a capability brings where the driver has these files. */
static const char *library_of_caps(struct library_fixture *x, unsigned int caps)
{
	nvidia_libraries(&x->ed, &x->f.arena, caps, DRIVER);
	return library_plan(x);
}

Test(graft_library, a_library_with_a_version_of_its_own_is_found)
{
	struct library_fixture x;

	library_new(&x);
	fake_write(&x.f, LIB "/libcuda.so." DRIVER, (struct fake){.soname = "libcuda.so.1"});
	fake_write(&x.f, LIB "/libnvidia-nvvm70.so.4",
		   (struct fake){.soname = "libnvidia-nvvm70.so.4"});
	library_cache(&x, "libcuda.so.1", "/" LIB "/libcuda.so." DRIVER);
	library_cache(&x, "libnvidia-nvvm70.so.4", "/" LIB "/libnvidia-nvvm70.so.4");
	cr_assert_str_eq(library_of_caps(&x, GRAFT_CAP_COMPUTE),
			 "/" LIB "/libcuda.so." DRIVER " /" LIB "/libnvidia-nvvm70.so.4");
	fixture_done(&x.f);
}

Test(graft_library, vdpau_has_a_folder_of_its_own_below_the_drivers)
{
	struct library_fixture x;
	static const char *const libs[] = {"libnvidia-encode", "libnvcuvid"};

	library_new(&x);
	for (size_t i = 0; i < ARRAY_LEN(libs); i++) {
		const char *so = arena_printf(&x.f.arena, "%s.so.1", libs[i]);
		const char *path = arena_printf(&x.f.arena, LIB "/%s.so." DRIVER, libs[i]);

		fake_write(&x.f, path, (struct fake){.soname = so});
		library_cache(&x, so, arena_printf(&x.f.arena, "/%s", path));
	}
	fake_write(&x.f, LIB "/vdpau/libvdpau_nvidia.so." DRIVER,
		   (struct fake){.soname = "libvdpau_nvidia.so.1"});
	cr_assert_str_eq(library_of_caps(&x, GRAFT_CAP_VIDEO),
			 "/" LIB "/libnvidia-encode.so." DRIVER " /" LIB
			 "/vdpau/libvdpau_nvidia.so." DRIVER " /" LIB "/libnvcuvid.so." DRIVER);
	cr_assert_str_eq(x.ed.mount.v[1].target, "/graft/libvdpau_nvidia.so.1");
	cr_assert_str_eq(x.ed.mount.v[1].alias[0], "libvdpau_nvidia.so");
	fixture_done(&x.f);
}

/* libcuda needs libb, which needs libcuda: what fails is known only at the end. */
Test(graft_library, what_a_refused_library_brought_goes_with_it)
{
	struct library_fixture x;

	library_new(&x);
	fake_write(&x.f, LIB "/libcuda.so." DRIVER,
		   (struct fake){.soname = "libcuda.so.1",
				 .needed = {"libb.so.1", "libc.so.6"},
				 .from = "libc.so.6",
				 .version = "TOMORROW_9.9"});
	fake_write(&x.f, LIB "/libb.so.1",
		   (struct fake){.soname = "libb.so.1", .needed = {"libcuda.so.1", "libc.so.6"}});
	library_cache(&x, "libcuda.so.1", "/" LIB "/libcuda.so." DRIVER);
	library_cache(&x, "libb.so.1", "/" LIB "/libb.so.1");
	library_ask_for(&x, "libcuda.so", DRIVER);
	library_ask_for(&x, "libcuda.so", DRIVER);
	cr_assert_str_eq(library_plan(&x), "");
	cr_assert_null(x.ed.cache.text);
	cr_assert_eq(x.ed.left.n, 0);
	cr_assert_eq(x.ed.note.n, 1);
	cr_assert_str_eq(x.ed.note.v[0].code, "GLIBC");
	fixture_done(&x.f);
}

/* libcuda needs LIBX_1 of a library of the image; the only note's text, or NULL. */
static const char *library_note_of(struct library_fixture *x, const char *from, struct fake theirs)
{
	library_new(x);
	theirs.soname = from;
	fake_write(&x->f, arena_printf(&x->f.arena, "image/lib/%s", from), theirs);
	fake_write(&x->f, LIB "/libcuda.so." DRIVER,
		   (struct fake){.soname = "libcuda.so.1",
				 .needed = {from},
				 .from = from,
				 .version = "LIBX_1"});
	library_cache(x, "libcuda.so.1", "/" LIB "/libcuda.so." DRIVER);
	library_ask_for(x, "libcuda.so", DRIVER);
	(void)library_plan(x);
	cr_assert_eq(x->ed.note.n + x->ed.mount.n, 1);
	return x->ed.note.n > 0 ? x->ed.note.v[0].text : NULL;
}

Test(graft_library, a_library_fits_as_the_loader_has_it)
{
	static const struct {
		const char *from;
		struct fake theirs;
		bool fits;
		const char *remedy;
	} cases[] = {
		{"libx.so.1", {.versym = true, .define = "LIBX_1"}, true, NULL},
		/* "no version information available" */
		{"libx.so.1", {.versym = true}, true, NULL},
		{"libx.so.1", {.versym = false}, false, "newer libx.so.1"},
		{"libx.so.1", {.versym = true, .define = "LIBX_0"}, false, "newer libx.so.1"},
		{"libm.so.6", {.versym = true}, false, "newer C library"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct library_fixture x;
		const char *note = library_note_of(&x, cases[i].from, cases[i].theirs);

		cr_assert_eq(note == NULL, cases[i].fits, "case %zu: %s", i, note);
		if (note != NULL)
			cr_assert_not_null(strstr(note, cases[i].remedy), "case %zu: %s", i, note);
		fixture_done(&x.f);
	}
}

static size_t library_notes(const struct graft_fixture *f, const char *code)
{
	size_t n = 0;

	for (size_t i = 0; i < f->edits.note.n; i++)
		n += strcmp(f->edits.note.v[i].code, code) == 0;
	return n;
}

Test(graft_library, libraries_of_32_bits_are_told_to_be_missing)
{
	static const struct {
		const char *caps;
		size_t notes;
	} cases[] = {{"compute,compat32", 1}, {"compute", 0}, {"all", 0}, {"all,compat32", 1}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct graft_fixture f;

		fixture_new(&f);
		fixture_gpus(&f);
		fixture_file(&f, "etc/greffon/graft.json",
			     "{\"version\":1,\"enable\":[\"gpu\"],\"capabilities\":[\"compute\","
			     "\"compat32\"]}");
		cr_assert_eq(fixture_plan(&f, arena_printf(&f.arena,
							   ",\"annotations\":{"
							   "\"org.greffon.graft.gpu\":\"0\","
							   "\"org.greffon.graft.gpu.caps\":\"%s\"}",
							   cases[i].caps)),
			     0, "%s", f.e.text);
		cr_assert_eq(library_notes(&f, "COMPAT32"), cases[i].notes, "%s", cases[i].caps);
		fixture_done(&f);
	}
}

Test(graft_library, loaders_are_told_of_the_driver_where_the_host_tells_them)
{
	struct library_fixture x;

	library_new(&x);
	fixture_file(&x.f, "etc/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1\n");
	fixture_file(&x.f, "usr/share/vulkan/icd.d/nvidia_icd.json", "{}");
	fixture_file(&x.f, "etc/vulkan/icd.d/nvidia_icd.json/is_a_folder", "");
	cr_assert_str_eq(library_of_caps(&x, GRAFT_CAP_COMPUTE), "/etc/OpenCL/vendors/nvidia.icd");
	cr_assert_not(x.ed.mount.v[0].exec);
	cr_assert_str_eq(x.ed.mount.v[0].target, "/etc/OpenCL/vendors/nvidia.icd");
	x.ed = (struct graft_edits){0};
	cr_assert_str_eq(library_of_caps(&x, GRAFT_CAP_GRAPHICS),
			 "/usr/share/vulkan/icd.d/nvidia_icd.json");
	cr_assert_str_eq(library_document(&x, true), "/usr/share/vulkan/icd.d/nvidia_icd.json");
	x.ed = (struct graft_edits){0};
	cr_assert_str_eq(library_of_caps(&x, GRAFT_CAP_UTILITY), "");
	fixture_done(&x.f);
}
