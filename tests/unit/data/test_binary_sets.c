/* CIFAR and MNIST from folders, packed or not: pixels, labels and names as the formats define them;
 * and what is refused, by its words. Then pictures that cannot be written: an error that says why,
 * and no file. */
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/text.h"
#include "tests/unit/data/sets.h"

enum { RECORD = 3073, PLANE = 1024 };

static void expect_name(const reel_dataset *d, int64_t index, const char *expected)
{
    char name[200];
    reel_dataset_sample_name(d, index, name, sizeof name);
    cr_expect_str_eq(name, expected, "sample %" PRId64 ": name %s, expected %s", index, name,
                     expected);
}

static void expect_label(const reel_dataset *d, int64_t index, int64_t expected)
{
    const int64_t label = reel_dataset_label(d, index);
    cr_expect(label == expected, "sample %" PRId64 ": label %" PRId64 ", expected %" PRId64, index,
              label, expected);
}

static void expect_class(const reel_dataset *d, int64_t c, const char *expected)
{
    const char *name = reel_dataset_class_name(d, c);
    cr_expect_str_eq(name, expected, "class %" PRId64 ": name %s, expected %s", c, name, expected);
}

static void expect_size(const reel_dataset *d, int64_t samples, int64_t classes)
{
    cr_assert(reel_dataset_count(d) == samples && reel_dataset_classes(d) == classes,
              "%" PRId64 " samples, %" PRId64 " classes", reel_dataset_count(d),
              reel_dataset_classes(d));
}

/* Opens the set anew. */
static void expect_class_of(const char *split, int64_t c, const char *expected)
{
    reel_dataset *d = opened(root, split);
    expect_class(d, c, expected);
    reel_dataset_destroy(d);
}

/* n records behind each other, the label in the last of `labels` bytes; pixel p of plane k is p * 3
 * + k + the record's number.
 */
static void write_cifar(const char *path, int labels, const int *label, int n)
{
    const size_t record = (size_t)labels + 3 * PLANE;
    uint8_t *bytes = calloc((size_t)n, record);
    cr_assert(bytes != NULL);
    for (int i = 0; i < n; i++) {
        uint8_t *r = bytes + (size_t)i * record;
        r[labels - 1] = (uint8_t)label[i];
        for (int k = 0; k < 3; k++)
            for (int p = 0; p < PLANE; p++)
                r[labels + k * PLANE + p] = (uint8_t)(p * 3 + k + i);
    }
    write_file(path, bytes, (size_t)n * record);
    free(bytes);
}

TestSuite(binary_sets, .init = make_root, .fini = remove_root);

Test(binary_sets, cifar_10_is_read_across_its_files_with_planes_turned_into_pixels)
{
    reel_bytes sample = {0};
    reel_error err;
    write_cifar(join(root, "data_batch_1.bin"), 1, (const int[]){3, 9}, 2);
    write_cifar(join(root, "data_batch_3.bin"), 1, (const int[]){5}, 1); /* one may be missing */
    refused(root, "val", "without a val part");
    write_cifar(join(root, "test_batch.bin"), 1, (const int[]){7}, 1);
    reel_dataset *d = opened(root, "train");
    cr_assert(reel_dataset_count(d) == 3, "%" PRId64 " samples, expected 3", reel_dataset_count(d));
    cr_assert(reel_dataset_classes(d) == 10, "%" PRId64 " classes, expected 10",
              reel_dataset_classes(d));
    for (int i = 0; i < 3; i++)
        expect_label(d, i, (const int[]){3, 9, 5}[i]);
    expect_name(d, 1, "data_batch_1.bin[1]");
    expect_name(d, 2, "data_batch_3.bin[0]");
    expect_class(d, 0, "airplane");
    expect_class(d, 9, "truck");
    MUST(reel_dataset_read(d, 1, &sample, &err), err);
    cr_assert(sample.size > 3 * PLANE, "%zu bytes", sample.size);
    const uint8_t *rgb = sample.data + sample.size - 3 * PLANE;
    for (int at = 0; at < 3 * PLANE; at++)
        cr_assert(rgb[at] == (uint8_t)(at + 1), "byte %d: %d, expected %d", at, rgb[at],
                  (uint8_t)(at + 1));
    reel_dataset_destroy(d);
    d = opened(root, "val");
    cr_expect(reel_dataset_count(d) == 1, "%" PRId64 " samples, expected 1", reel_dataset_count(d));
    expect_label(d, 0, 7);
    reel_dataset_destroy(d);

    static const char names[] = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n";
    write_file(join(root, "batches.meta.txt"), names, sizeof names - 1);
    expect_class_of("train", 9, "j");
    write_file(join(root, "batches.meta.txt"), names, 6); /* three of ten: better none */
    expect_class_of("train", 0, "airplane");
    reel_bytes_free(&sample);
}

Test(binary_sets, cifar_100_takes_the_fine_label_and_names_it_where_names_lie_beside)
{
    char names[800];
    size_t used = 0;
    make_folder(join(root, "cifar-100-binary"));
    write_cifar(join(root, "cifar-100-binary/train.bin"), 2, (const int[]){99, 0}, 2);
    write_cifar(join(root, "cifar-100-binary/test.bin"), 2, (const int[]){42}, 1);
    reel_dataset *d = opened(root, "train");
    expect_size(d, 2, 100);
    expect_label(d, 0, 99);
    expect_class(d, 99, "99");
    reel_dataset_destroy(d);
    for (int i = 0; i < 100; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "fine%d\n", i);
    write_file(join(root, "cifar-100-binary/fine_label_names.txt"), names, used);
    d = opened(root, "test");
    expect_label(d, 0, 42);
    expect_class(d, 42, "fine42");
    expect_name(d, 0, "test.bin[0]");
    reel_dataset_destroy(d);
}

Test(binary_sets, cifar_files_that_are_cut_or_hold_other_labels_are_refused_by_name)
{
    static const uint8_t zeros[RECORD + 5];
    write_file(join(root, "data_batch_1.bin"), zeros, sizeof zeros);
    refused(root, "train", "data_batch_1.bin: 3078 bytes, expected a multiple of 3073");
    write_file(join(root, "data_batch_1.bin"), zeros, 0);
    refused(root, "train", "data_batch_1.bin: 0 bytes, expected a multiple of 3073");
    write_cifar(join(root, "data_batch_1.bin"), 1, (const int[]){1, 10}, 2);
    refused(root, "train", "data_batch_1.bin: record 1 has label 10, expected 0 to 9");
}

static void big(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* n pictures of 4 columns and 3 rows, gzipped when its name ends so; pixel p of picture i is 12 i +
 * p. */
static void write_mnist(const char *images, const char *labels, int n, int label_offset)
{
    uint8_t pixels[16 + 12 * 20] = {0}, label[8 + 20] = {0};
    cr_assert(n <= 20);
    big(pixels, 0x803), big(pixels + 4, (uint32_t)n), big(pixels + 8, 3), big(pixels + 12, 4);
    big(label, 0x801), big(label + 4, (uint32_t)n);
    for (int p = 0; p < 12 * n; p++)
        pixels[16 + p] = (uint8_t)p;
    for (int i = 0; i < n; i++)
        label[8 + i] = (uint8_t)(i + label_offset);
    write_file(labels, label, (size_t)(8 + n));
    if (strcmp(images + strlen(images) - 3, ".gz") != 0) {
        write_file(images, pixels, (size_t)(16 + 12 * n));
        return;
    }
    gzFile gz = gzopen(images, "wb");
    cr_assert(gz != NULL && gzwrite(gz, pixels, (unsigned)(16 + 12 * n)) == 16 + 12 * n);
    gzclose(gz);
}

Test(binary_sets, mnist_is_read_packed_or_not_with_class_names_from_beside)
{
    reel_bytes sample = {0};
    reel_error err;
    write_mnist(join(root, "train-images-idx3-ubyte.gz"), join(root, "train-labels-idx1-ubyte"), 2,
                8);
    write_mnist(join(root, "t10k-images.idx3-ubyte"), join(root, "t10k-labels.idx1-ubyte"), 12, 0);
    reel_dataset *d = opened(root, "train");
    expect_size(d, 2, 10);
    expect_label(d, 1, 9);
    expect_name(d, 1, "train-images-idx3-ubyte.gz[1]");
    MUST(reel_dataset_read(d, 1, &sample, &err), err);
    for (int p = 0; p < 12; p++)
        cr_assert(sample.data[sample.size - 12 + (size_t)p] == 12 + p, "pixel %d: %d, expected %d",
                  p, sample.data[sample.size - 12 + (size_t)p], 12 + p);
    reel_dataset *val = opened(root, "val"); /* labels up to 11 */
    cr_expect(reel_dataset_classes(val) == 12, "%" PRId64 " classes, expected 12",
              reel_dataset_classes(val));
    MUST(reel_dataset_align(d, val, &err), err);
    cr_expect(reel_dataset_classes(d) == 12, "%" PRId64 " classes once aligned, expected 12",
              reel_dataset_classes(d));
    expect_class(d, 11, "11");
    reel_dataset_destroy(val);
    reel_dataset_destroy(d);

    static const char names[] =
        "T-shirt\nTrouser\nPullover\nDress\nCoat\nSandal\nShirt\nSneaker\nBag\nBoot\n";
    write_file(join(root, "classes.txt"), names, sizeof names - 1);
    expect_class_of("train", 9, "Boot");
    expect_class_of("val", 0, "0"); /* ten names for twelve classes: numbers */
    reel_bytes_free(&sample);
}

Test(binary_sets, mnist_files_that_are_cut_damaged_or_alone_are_refused_in_words)
{
    const char *const images = "train-images-idx3-ubyte.gz", *const labels =
                                                                 "train-labels-idx1-ubyte";
    write_mnist(join(root, images), join(root, labels), 2, 0);
    unlink(join(root, labels));
    refused(root, "train", "no labels beside it (train-labels-idx1-ubyte)");
    refused(root, "val", "without a val part");
    write_mnist(join(root, "other.idx"), join(root, labels), 3, 0);
    refused(root, "train", "2 images and 3 labels, expected as many of both");
    write_mnist(join(root, images), join(root, labels), 20, 0);
    reel_bytes packed = read_file(join(root, images));
    write_file(join(root, images), packed.data, packed.size - 12);
    refused(root, "train", "damaged or cut gzip data");
    packed.data[12] ^= 0xff;
    packed.data[13] ^= 0xff;
    packed.data[14] ^= 0xff;
    write_file(join(root, images), packed.data, packed.size);
    refused(root, "train", "damaged or cut gzip data after ");
    reel_bytes_free(&packed);
}

Test(binary_sets, a_list_beside_the_data_that_is_no_plain_file_is_refused)
{
    char folder[REEL_DATA_PATH] = "";
    reel_bytes bytes = {0};
    reel_error err = {0};
    cr_assert(mkfifo(join(root, "pipe"), 0600) == 0);
    cr_expect(reel_read_plain(&bytes, join(root, "pipe"), 100, &err) == REEL_ERR_IO);
    cr_expect(strstr(err.message, "expected a regular file, got another kind") != NULL, "%s",
              err.message);
    cr_expect(reel_read_plain(&bytes, join(root, "none"), 100, &err) == REEL_ERR_IO);
    cr_expect(strstr(err.message, "none: cannot be opened: No such file") != NULL, "%s",
              err.message);
    write_file(join(root, "long"), folder, 101);
    cr_expect(reel_read_plain(&bytes, join(root, "long"), 100, &err) == REEL_ERR_FORMAT);
    cr_expect(strstr(err.message, "101 bytes or more, expected at most 100") != NULL, "%s",
              err.message);
    uint8_t head[4];
    cr_expect(reel_read_head(join(root, "none"), head, 4) == 0,
              "a file that is not there has a beginning");
    reel_folder_of("name_only", folder);
    cr_expect_str_eq(folder, ".", "folder of a name alone: %s, expected .", folder);
    reel_folder_of("/reel_no_such_file", folder);
    cr_expect_str_eq(folder, "/", "folder of a file in the root: %s, expected /", folder);
    reel_names names = {0};
    cr_expect(reel_folder_names(&names, join(root, "long"), &err) == REEL_ERR_IO);
    cr_expect(strstr(err.message, "cannot list") != NULL, "%s", err.message);
    reel_names_free(&names);
    reel_bytes_free(&bytes);
}

Test(binary_sets, a_picture_that_cannot_be_written_says_why_and_leaves_no_file)
{
    reel_image image = draw(300, 200, 1);
    reel_error err = {0};
    cr_expect(reel_image_write_jpeg(&image, join(root, "none/a.jpg"), 90, false, &err) ==
              REEL_ERR_IO);
    cr_expect(strstr(err.message, "a.jpg: No such file or directory") != NULL, "%s", err.message);
    cr_expect(reel_image_write_jpeg(&image, join(root, "a.jpg"), 0, false, &err) ==
              REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "JPEG: quality 0, expected 1 to 100") != NULL, "%s", err.message);
    cr_expect(reel_image_write_png(&(reel_image){.rgb = image.rgb, .width = 0, .height = 2},
                                   join(root, "a.png"), &err) == REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "PNG: image of 0 x 2 pixels") != NULL, "%s", err.message);

    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 100;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    reel_error jpeg = {0}, png = {0};
    const reel_status status[2] = {
        reel_image_write_jpeg(&image, join(root, "a.jpg"), 90, true, &jpeg),
        reel_image_write_png(&image, join(root, "a.png"), &png)};
    limit.rlim_cur = before;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_expect(status[0] == REEL_ERR_IO && strstr(jpeg.message, "cannot write ") != NULL, "%d: %s",
              (int)status[0], jpeg.message);
    cr_expect(status[1] == REEL_ERR_IO && strstr(png.message, "cannot write ") != NULL, "%d: %s",
              (int)status[1], png.message);
    check_message(&jpeg);
    check_message(&png);
    cr_expect(access(join(root, "a.jpg"), F_OK) != 0 && access(join(root, "a.png"), F_OK) != 0,
              "half a file was left");
    reel_image_free(&image);
}

Test(binary_sets, a_name_with_a_zero_byte_is_no_name_of_a_class)
{
    reel_names names = {0};
    reel_error err;
    MUST(reel_names_add(&names, "cat", 3, &err), err);
    MUST(reel_names_add(&names, "dog", 3, &err), err);
    reel_names_sort(&names);
    cr_expect(reel_names_find(&names, "dog", 3) == 1, "dog is not found");
    cr_expect(reel_names_find(&names, "do", 2) == -1 && reel_names_find(&names, "dogs", 4) == -1,
              "a part of it is found");
    cr_expect(reel_names_find(&names, "dog\0\0\0", 6) == -1,
              "it is found with zero bytes behind it");
    reel_names_free(&names);
}
