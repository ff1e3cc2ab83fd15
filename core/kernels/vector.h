/* Vectors of VL reals over GCC's vector types, for template use: one text serves every instruction set. */
typedef real vec __attribute__((vector_size(VL * sizeof(real))));
typedef real vec_unaligned __attribute__((vector_size(VL * sizeof(real)), aligned(sizeof(real)), may_alias));

static inline vec load(const real *p)
{
    return *(const vec_unaligned *)p;
}

static inline void store(real *p, vec v)
{
    *(vec_unaligned *)p = v;
}
