/* From DATA and a split to a dataset, and a look whether it is what it seems to be. */
#include "train/run/data_dir.h"

reel_status reel_data_open(reel_dataset **out, const char *data, const char *split, char *path,
                           size_t size, reel_error *err)
{
    return reel_dataset_open(out, data, split, path, size, err);
}

bool reel_data_has_val(const char *data)
{
    return reel_dataset_has(data, "val");
}

reel_status reel_data_open_whole(reel_dataset **out, const char *data, char *path, size_t size,
                                 reel_error *err)
{
    return reel_dataset_open(out, data, NULL, path, size, err);
}
