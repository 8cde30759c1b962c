/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/nvidia_libraries.h"

#include "hooks/values.h"

/* What a driver capability means in files, as libnvidia-container has it. All are of the driver's
 * own version; which of them a driver has differs from release to release, so only the first of
 * each capability must be there. */
struct library_row {
	const char *name;
	unsigned int cap;
	bool program, required;
};

static const struct library_row library_rows[] = {
	{"libcuda.so", GRAFT_CAP_COMPUTE, false, true},
	{"libcudadebugger.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-opencl.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-gpucomp.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-ptxjitcompiler.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-fatbinaryloader.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-allocator.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-compiler.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-pkcs11.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-pkcs11-openssl3.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-nvvm.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-nvvm70.so", GRAFT_CAP_COMPUTE, false, false},
	{"libnvidia-tileiras.so", GRAFT_CAP_COMPUTE, false, false},
	{"nvidia-cuda-mps-control", GRAFT_CAP_COMPUTE, true, false},
	{"nvidia-cuda-mps-server", GRAFT_CAP_COMPUTE, true, false},
	{"libnvidia-ml.so", GRAFT_CAP_UTILITY, false, true},
	{"libnvidia-cfg.so", GRAFT_CAP_UTILITY, false, false},
	{"libnvidia-nscq.so", GRAFT_CAP_UTILITY, false, false},
	{"nvidia-smi", GRAFT_CAP_UTILITY, true, false},
	{"nvidia-debugdump", GRAFT_CAP_UTILITY, true, false},
	{"libvdpau_nvidia.so", GRAFT_CAP_VIDEO, false, false},
	{"libnvidia-encode.so", GRAFT_CAP_VIDEO, false, true},
	{"libnvidia-opticalflow.so", GRAFT_CAP_VIDEO, false, false},
	{"libnvcuvid.so", GRAFT_CAP_VIDEO, false, true},
	{"libnvidia-eglcore.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-glcore.so", GRAFT_CAP_GRAPHICS, false, true},
	{"libnvidia-tls.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-glsi.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-fbc.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-ifr.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-rtcore.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-glvkspirv.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-cbl.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvoptix.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libGLX_nvidia.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libEGL_nvidia.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libGLESv2_nvidia.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libGLESv1_CM_nvidia.so", GRAFT_CAP_GRAPHICS, false, false},
	{"libnvidia-ngx.so", GRAFT_CAP_NGX, false, true},
};

void nvidia_libraries(struct graft_edits *out, struct arena *a, unsigned int caps,
		      const char *driver)
{
	for (size_t i = 0; i < ARRAY_LEN(library_rows); i++) {
		const struct library_row *row = &library_rows[i];

		if ((caps & row->cap) == 0)
			continue;
		*ARENA_PUSH(a, &out->library) = (struct graft_library){
			.domain = GRAFT_GPU,
			.name = row->name,
			.version = row->program ? NULL : driver,
			.program = row->program,
			.optional = !row->required,
			.why = arena_printf(a, "capability %s", values_cap_names(row->cap, a)),
		};
	}
}
