#ifndef TRACKLIGHT_GATEWAY_MODEL_TABLE_H
#define TRACKLIGHT_GATEWAY_MODEL_TABLE_H

/* Well-known models of the main providers, for pages that let one choose. Calls do not look here: a model
 * that is not in the table is called all the same. Figures are those that the providers documented publicly
 * at the date. */
#define MODEL_TABLE_DATE "2025-09"

enum model_ability {
    MODEL_FUNCTIONS = 1,  /* calls functions */
    MODEL_VISION = 2,     /* takes images */
    MODEL_REASONING = 4,  /* thinks before it answers */
    MODEL_CACHING = 8,    /* prompts can be cached */
    MODEL_SCHEMA = 16,    /* answers in a given JSON schema */
    MODEL_EMBEDDING = 32, /* embeds texts; all others chat */
};

struct model_row {
    const char *provider; /* as in provider_rows */
    const char *name;
    long input_tokens; /* 0: not documented; so is the next */
    long output_tokens;
    double input_price; /* USD for a million tokens; below 0: not known; so is the next */
    double output_price;
    unsigned abilities;           /* of enum model_ability */
    const char *deprecation_date; /* "2026-01-05"; NULL: none is announced */
};

/* By provider; ended by a NULL provider. */
extern const struct model_row model_rows[];

#endif
