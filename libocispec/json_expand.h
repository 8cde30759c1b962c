/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clang-format off */
/*
 * Gives the words of a .def file a meaning, so that one description becomes both the structs and the
 * tables; therefore read more than once and without a guard. Define one of these, include this, then the
 * .def, then this again (with neither defined) to forget the words:
 *   OJ_AS_STRUCTS  in a header: enums, structs, and the declarations of tables and enum names
 *   OJ_AS_TABLES   in one .c file: the tables and `T_name()` of each enum T
 *
 *   OJ_ENUM(T, NONE) OJ_VALUE(CONSTANT, "text") ... OJ_ENUM_END(T)
 *   OJ_STRUCT(T) rows ... OJ_STRUCT_END(T)   a struct T with the table T_object
 * Rows: member, JSON key, OPT or REQ, and
 *   OJ_STR OJ_BOOL  nothing           OJ_I64  min, max       OJ_U64  max
 *   OJ_ENM          the enum          OJ_OBJ  the struct
 *   OJ_STRS         fewest items      OJ_U64S max            OJ_ENMS the enum     OJ_OBJS the struct
 *   OJ_MAP          nothing           OJ_OBJMAP the struct
 *   OJ_KEY()        the first row of a struct that is a map's value: its key
 * OJ_ALLOW_UNKNOWN may be defined as false beside OJ_AS_TABLES: unknown properties are errors then.
 */
/* clang-format on */
#undef OJ_ENUM
#undef OJ_VALUE
#undef OJ_ENUM_END
#undef OJ_STRUCT
#undef OJ_STRUCT_END
#undef OJ_KEY
#undef OJ_STR
#undef OJ_BOOL
#undef OJ_I64
#undef OJ_U64
#undef OJ_ENM
#undef OJ_OBJ
#undef OJ_STRS
#undef OJ_U64S
#undef OJ_ENMS
#undef OJ_OBJS
#undef OJ_MAP
#undef OJ_OBJMAP
#undef OJ_AT
#undef OJ_LIST_AT
#undef OPT
#undef REQ

#ifdef OJ_AS_STRUCTS
#undef OJ_AS_STRUCTS
/* clang-format off */
#define OJ_ENUM(T, none) enum T { none,
#define OJ_VALUE(constant, text) constant,
#define OJ_ENUM_END(T) };                                                                          \
	const char *T##_name(enum T v); /* NULL for 0 and for no value of the enum */
#define OJ_STRUCT(T) extern const struct oj_object T##_object; struct T {
#define OJ_STRUCT_END(T) };
#define OJ_KEY() const char *key;
#define OJ_STR(m, k, req) const char *m;
#define OJ_BOOL(m, k, req) struct opt_bool m;
#define OJ_I64(m, k, req, lo, hi) struct opt_i64 m;
#define OJ_U64(m, k, req, hi) struct opt_u64 m;
#define OJ_ENM(m, k, req, T) enum T m;
#define OJ_OBJ(m, k, req, T) struct T *m;
#define OJ_STRS(m, k, req, few) const char **m; size_t n_##m;
#define OJ_U64S(m, k, req, hi) uint64_t *m; size_t n_##m;
#define OJ_ENMS(m, k, req, T) enum T *m; size_t n_##m;
#define OJ_OBJS(m, k, req, T) struct T *m; size_t n_##m;
#define OJ_MAP(m, k, req) struct oci_map_entry *m; size_t n_##m;
#define OJ_OBJMAP(m, k, req, T) struct T *m; size_t n_##m;
/* clang-format on */
#endif

#ifdef OJ_AS_TABLES
#undef OJ_AS_TABLES
#ifndef OJ_ALLOW_UNKNOWN
#define OJ_ALLOW_UNKNOWN true
#endif
/* clang-format off */
#define OJ_ENUM(T, none) static const char *const T##_names[] = { NULL,
#define OJ_VALUE(constant, text) [constant] = text,
#define OJ_ENUM_END(T) };                                                                          \
	static const struct oj_enum T##_enum = {T##_names, sizeof(T##_names) / sizeof(*T##_names)};\
	const char *T##_name(enum T v)                                                             \
	{ return (size_t)v < T##_enum.n ? T##_names[v] : NULL; }
/* A row needs the struct's name for offsetof(): a typedef in the scope of a function has it. */
#define OJ_STRUCT(T)                                                                               \
	static const struct oj_field *T##_fields(size_t *n)                                        \
	{                                                                                          \
		typedef struct T OJ_SELF;                                                          \
		static const struct oj_field fields[] = {
#define OJ_STRUCT_END(T)                                                                           \
		};                                                                                 \
		*n = sizeof(fields) / sizeof(*fields);                                             \
		_Static_assert(sizeof(fields) / sizeof(*fields) <= 64, "one bit a property");      \
		return fields;                                                                     \
	}                                                                                          \
	const struct oj_object T##_object = {#T, sizeof(struct T), T##_fields, OJ_ALLOW_UNKNOWN};
#define OPT false
#define REQ true
#define OJ_AT(m, k, req, kind_)                                                                    \
	.key = k, .key_len = sizeof(k) - 1, .kind = kind_, .required = req,                        \
	.offset = offsetof(OJ_SELF, m)
#define OJ_LIST_AT(m, k, req, kind_) OJ_AT(m, k, req, kind_), .n_offset = offsetof(OJ_SELF, n_##m)
#define OJ_KEY()
#define OJ_STR(m, k, req) {OJ_AT(m, k, req, OJ_KIND_STRING)},
#define OJ_BOOL(m, k, req) {OJ_AT(m, k, req, OJ_KIND_BOOL)},
#define OJ_I64(m, k, req, lo, hi) {OJ_AT(m, k, req, OJ_KIND_I64), .min = lo, .max = hi},
#define OJ_U64(m, k, req, hi) {OJ_AT(m, k, req, OJ_KIND_U64), .max = hi},
#define OJ_ENM(m, k, req, T) {OJ_AT(m, k, req, OJ_KIND_ENUM), .of.names = &T##_enum},
#define OJ_OBJ(m, k, req, T) {OJ_AT(m, k, req, OJ_KIND_OBJECT), .of.object = &T##_object},
#define OJ_STRS(m, k, req, few) {OJ_LIST_AT(m, k, req, OJ_KIND_STRINGS), .min_items = few},
#define OJ_U64S(m, k, req, hi) {OJ_LIST_AT(m, k, req, OJ_KIND_U64S), .max = hi},
#define OJ_ENMS(m, k, req, T) {OJ_LIST_AT(m, k, req, OJ_KIND_ENUMS), .of.names = &T##_enum},
#define OJ_OBJS(m, k, req, T) {OJ_LIST_AT(m, k, req, OJ_KIND_OBJECTS), .of.object = &T##_object},
#define OJ_MAP(m, k, req) {OJ_LIST_AT(m, k, req, OJ_KIND_MAP)},
#define OJ_OBJMAP(m, k, req, T) {OJ_LIST_AT(m, k, req, OJ_KIND_OBJMAP), .of.object = &T##_object},
/* clang-format on */
#endif
