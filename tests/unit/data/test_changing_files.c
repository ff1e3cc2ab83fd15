/* Files that are other ones by the time a sample is read, or larger than any image may be. */
#include <fcntl.h>

#include "data/sources/common/span.h"
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/sets.h"

TestSuite(changing_files, .init = make_root, .fini = remove_root);

static void expect_unreadable(const reel_dataset *d, int64_t index, reel_status status,
                              const char *words)
{
    reel_bytes bytes = {0};
    reel_error err = {0};
    cr_expect_eq(reel_dataset_read(d, index, &bytes, &err), status, "%s", err.message);
    cr_expect(strstr(err.message, words), "expected \"%s\" in: %s", words, err.message);
    check_message(&err);
    reel_bytes_free(&bytes);
}

Test(changing_files,
     an_image_that_became_too_large_a_folder_or_nothing_is_named_and_others_are_read)
{
    reel_bytes bytes = {0};
    reel_error err;
    make_folder(join(root, "a"));
    write_file(join(root, "a/1.jpg"), "one", 3);
    write_file(join(root, "a/2.jpg"), "two", 3);
    write_file(join(root, "a/3.jpg"), "three", 5);
    write_file(join(root, "a/4.jpg"), "four", 4);
    reel_dataset *d;
    MUST(reel_dataset_folder(&d, root, &err), err);

    cr_assert(truncate(join(root, "a/1.jpg"), ((off_t)1 << 30) + 1) == 0); /* a hole, no blocks */
    cr_assert(remove(join(root, "a/2.jpg")) == 0);
    make_folder(join(root, "a/2.jpg"));
    cr_assert(remove(join(root, "a/3.jpg")) == 0);
    expect_unreadable(d, 0, REEL_ERR_FORMAT,
                      "file of 1073741825 bytes, expected at most 1073741824");
    expect_unreadable(d, 1, REEL_ERR_IO, "expected a regular file, got another kind");
    expect_unreadable(d, 2, REEL_ERR_IO, strerror(ENOENT));
    MUST(reel_dataset_read(d, 3, &bytes, &err), err);
    cr_expect(bytes.size == 4 && memcmp(bytes.data, "four", 4) == 0);
    reel_bytes_free(&bytes);
    reel_dataset_destroy(d);
}

Test(changing_files, a_shard_that_became_shorter_is_told_as_that)
{
    reel_bytes tar = {0}, bytes = {0};
    reel_error err;
    char *image = calloc(1, 2000);
    tar_put(&tar, "1.jpg", '0', image, 2000);
    tar_put(&tar, "1.cls", '0', "0", 1);
    tar_end(&tar);
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    reel_dataset *d = opened(root, "train");
    MUST(reel_dataset_read(d, 0, &bytes, &err), err);
    cr_expect_eq(bytes.size, 2000);

    cr_assert(truncate(join(root, "train-0.tar"), 1500) == 0);
    expect_unreadable(d, 0, REEL_ERR_IO, "the file has become shorter: it ends at 1500");
    reel_dataset_destroy(d);
    reel_bytes_free(&tar);
    reel_bytes_free(&bytes);
    free(image);
}

/* A descriptor that cannot be read, in place of a disk that fails. */
Test(changing_files, a_failing_read_of_a_span_is_an_error_with_its_reason)
{
    char to[4];
    reel_error err = {0};
    write_file(join(root, "file"), "0123456789", 10);
    const int file = open(join(root, "file"), O_WRONLY | O_CLOEXEC);
    const reel_span span = {.file = file, .size = 10};
    cr_expect_eq(reel_span_read(&span, 0, to, 4, &err), REEL_ERR_IO);
    cr_expect(strstr(err.message, "cannot read") && strstr(err.message, strerror(EBADF)), "%s",
              err.message);
    cr_expect_eq(reel_span_read(&span, 8, to, 4, &err), REEL_ERR_FORMAT);
    cr_expect_str_eq(err.message, "4 bytes at 8 reach beyond the end at 10");
    close(file);
}

/* A tar with an image of 1 GiB and a byte, most of it a hole: the header names its size. */
static void write_large_member(const char *path, const char *name)
{
    static const char record[] = "19 size=1073741825\n";
    reel_bytes tar = {0};
    tar_put(&tar, "header", 'x', record, sizeof record - 1);
    tar_put(&tar, name, '0', NULL, 0);
    write_file(path, tar.data, tar.size);
    cr_assert(truncate(path, (off_t)tar.size + ((off_t)1 << 30) + 512 + 1024) == 0);
    reel_bytes_free(&tar);
}

Test(changing_files, a_member_of_a_tar_that_is_larger_than_any_image_is_refused)
{
    write_large_member(join(root, "train-0.tar"), "1.jpg");
    refused(root, "train", "1.jpg: 1073741825 bytes, expected at most 1073741824");
    cr_assert(remove(join(root, "train-0.tar")) == 0);
    write_large_member(join(root, "ILSVRC2012_img_val.tar"), "ILSVRC2012_val_00000001.JPEG");
    write_file(join(root, "val.txt"), "ILSVRC2012_val_00000001.JPEG 0\n", 31);
    refused(root, "val", "an image of 1073741825 bytes at 1536");
}
