/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/nvidia_libraries.h"

#include "hooks/values.h"

enum library_kind {
	ROW_LIBRARY, /* its file has the driver's version */
	ROW_OTHER,   /* ... a version of its own */
	ROW_PROGRAM,
	ROW_FILE, /* tells a loader of OpenCL, EGL or Vulkan which library to load */
};

/* What a driver capability means in files, as libnvidia-container has it. Which of them a driver
 * has differs from release to release, so only the first of each capability must be there. A
 * folder in a name is one below the driver's, where distributions may keep the file. */
struct library_row {
	const char *name;
	unsigned int cap;
	enum library_kind kind;
	bool required;
};

static const struct library_row library_rows[] = {
	{"libcuda.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, true},
	{"libcudadebugger.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-opencl.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-gpucomp.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-ptxjitcompiler.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-fatbinaryloader.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-allocator.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-compiler.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-pkcs11.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-pkcs11-openssl3.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-nvvm.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"libnvidia-nvvm70.so", GRAFT_CAP_COMPUTE, ROW_OTHER, false},
	{"libnvidia-tileiras.so", GRAFT_CAP_COMPUTE, ROW_LIBRARY, false},
	{"/etc/OpenCL/vendors/nvidia.icd", GRAFT_CAP_COMPUTE, ROW_FILE, false},
	{"nvidia-cuda-mps-control", GRAFT_CAP_COMPUTE, ROW_PROGRAM, false},
	{"nvidia-cuda-mps-server", GRAFT_CAP_COMPUTE, ROW_PROGRAM, false},
	{"libnvidia-ml.so", GRAFT_CAP_UTILITY, ROW_LIBRARY, true},
	{"libnvidia-cfg.so", GRAFT_CAP_UTILITY, ROW_LIBRARY, false},
	{"libnvidia-nscq.so", GRAFT_CAP_UTILITY, ROW_LIBRARY, false},
	{"nvidia-smi", GRAFT_CAP_UTILITY, ROW_PROGRAM, false},
	{"nvidia-debugdump", GRAFT_CAP_UTILITY, ROW_PROGRAM, false},
	{"libnvidia-encode.so", GRAFT_CAP_VIDEO, ROW_LIBRARY, true},
	{"vdpau/libvdpau_nvidia.so", GRAFT_CAP_VIDEO, ROW_LIBRARY, false},
	{"libnvidia-opticalflow.so", GRAFT_CAP_VIDEO, ROW_LIBRARY, false},
	{"libnvcuvid.so", GRAFT_CAP_VIDEO, ROW_LIBRARY, true},
	{"libnvidia-eglcore.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-glcore.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, true},
	{"libnvidia-tls.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-glsi.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-fbc.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-ifr.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-rtcore.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-glvkspirv.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-cbl.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvoptix.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libGLX_nvidia.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libEGL_nvidia.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libGLESv2_nvidia.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libGLESv1_CM_nvidia.so", GRAFT_CAP_GRAPHICS, ROW_LIBRARY, false},
	{"libnvidia-egl-wayland.so", GRAFT_CAP_GRAPHICS, ROW_OTHER, false},
	{"libnvidia-egl-gbm.so", GRAFT_CAP_GRAPHICS, ROW_OTHER, false},
	{"/usr/share/glvnd/egl_vendor.d/10_nvidia.json", GRAFT_CAP_GRAPHICS, ROW_FILE, false},
	{"/usr/share/egl/egl_external_platform.d/10_nvidia_wayland.json", GRAFT_CAP_GRAPHICS,
	 ROW_FILE, false},
	{"/usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json", GRAFT_CAP_GRAPHICS, ROW_FILE,
	 false},
	{"/etc/vulkan/icd.d/nvidia_icd.json", GRAFT_CAP_GRAPHICS, ROW_FILE, false},
	{"/usr/share/vulkan/icd.d/nvidia_icd.json", GRAFT_CAP_GRAPHICS, ROW_FILE, false},
	{"libnvidia-ngx.so", GRAFT_CAP_NGX, ROW_LIBRARY, true},
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
			.version = row->kind == ROW_LIBRARY ? driver : NULL,
			.program = row->kind == ROW_PROGRAM,
			.optional = !row->required,
			.why = arena_printf(a, "capability %s", values_cap_names(row->cap, a)),
		};
	}
}
