/* How a parameter's first values are drawn. */
#ifndef REEL_LAYERS_INIT_H
#define REEL_LAYERS_INIT_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    REEL_INIT_DEFAULT = 0, /* PyTorch's: kaiming_uniform(a = sqrt 5), that is U(+-1 / sqrt(fan_in)),
                              weights and biases */
    REEL_INIT_KAIMING_UNIFORM,   /* U(+-sqrt(6 / fan_in)) (He et al. 2015, for ReLU) */
    REEL_INIT_KAIMING_NORMAL,    /* N(0, 2 / fan_in) */
    REEL_INIT_XAVIER_UNIFORM,    /* U(+-sqrt(6 / (fan_in + fan_out))) (Glorot and Bengio 2010) */
    REEL_INIT_XAVIER_NORMAL,     /* N(0, 2 / (fan_in + fan_out)) */
    REEL_INIT_GAUSSIAN,          /* N(0, value^2) */
    REEL_INIT_UNIFORM,           /* U(+-value) */
    REEL_INIT_CONSTANT,          /* value */
    REEL_INIT_KAIMING_NORMAL_OUT /* N(0, 2 / fan_out), as torchvision draws convolutions */
} reel_init_kind;

typedef struct reel_init {
    reel_init_kind kind;
    double value; /* read by gaussian, uniform and constant only */
} reel_init;

#ifdef __cplusplus
}
#endif
#endif
