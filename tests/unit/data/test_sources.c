/* Sources other than image folders: what is recognised, what is refused and how, what a sample
 * costs in memory. Whole datasets of every kind are in tests/integration/sources.sh. */
#include <dirent.h>
#include <malloc.h>

#include "data/pack.h"
#include "data/sources/common/pieces.h"
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/sets.h"

static int64_t entries_of(const char *folder)
{
    DIR *stream = opendir(folder);
    int64_t n = 0;
    while (readdir(stream))
        n++;
    closedir(stream);
    return n;
}

TestSuite(sources, .init = make_root, .fini = remove_root);

Test(sources, nothing_in_a_tar_is_ever_written_whatever_it_calls_itself)
{
    reel_bytes tar = {0}, sample = {0}, image = encoded(20, 20, 1, false);
    reel_error err;
    make_folder(join(root, "d"));
    tar_put(&tar, "../a.jpg", '0', image.data, image.size);
    tar_put(&tar, "../a.cls", '0', "0", 1);
    tar_put(&tar, "/tmp/reel_absolute.jpg", '0', image.data, image.size);
    tar_put(&tar, "/tmp/reel_absolute.cls", '0', "1", 1);
    tar_put(&tar, "b.jpg", '2', NULL, 0); /* links, devices, a pipe, a folder: no samples */
    tar_put(&tar, "b.cls", '0', "1", 1);
    for (char type = '1'; type <= '6'; type++)
        tar_put(&tar, "c.jpg", type, NULL, 0);
    tar_end(&tar);
    write_file(join(root, "d/train.tar"), tar.data, tar.size);
    reel_dataset *d = opened(join(root, "d"), "train");
    cr_assert(reel_dataset_count(d) == 2, "%" PRId64 " samples, expected 2", reel_dataset_count(d));
    MUST(reel_dataset_read(d, 1, &sample, &err), err);
    cr_expect(sample.size == image.size &&
              first_difference(sample.data, image.data, (int64_t)image.size) < 0);
    cr_expect(entries_of(root) == 3 && entries_of(join(root, "d")) == 3, "files appeared");
    cr_expect(access("/tmp/reel_absolute.jpg", F_OK) != 0, "an absolute name was written");
    reel_dataset_destroy(d);

    /* Cut anywhere behind the first header, damaged in any header: an error that says so, or fewer
     * samples; never a crash. */
    for (size_t size = 512; size < tar.size - 1024; size += 512) {
        write_file(join(root, "d/train.tar"), tar.data, size - 300);
        reel_error why = {0};
        if (reel_dataset_open(&d, join(root, "d"), "train", NULL, 0, &why) == REEL_OK)
            reel_dataset_destroy(d);
    }
    write_file(join(root, "d/train.tar"), tar.data, 512 + image.size / 2);
    refused(join(root, "d"), "train", "cut, or damaged");
    tar.data[20] ^= 1;
    write_file(join(root, "d/train.tar"), tar.data, tar.size);
    refused(join(root, "d"), "train", "wrong checksum");
    reel_bytes_free(&tar);
    reel_bytes_free(&sample);
    reel_bytes_free(&image);
}

Test(sources, a_shard_that_is_cut_anywhere_is_refused_or_named)
{
    reel_bytes tar = {0};
    const char *const members[] = {"1.jpg", "1.cls", "2.jpg", "2.cls"};
    for (int i = 0; i < 4; i++)
        tar_put(&tar, members[i], '0', "0", 1);
    const size_t whole = tar.size;
    tar_end(&tar);
    reel_dataset *d;

    for (size_t size = 512; size <= whole; size += 64) {
        reel_error why = {0};
        write_file(join(root, "train-0.tar"), tar.data, size);
        const reel_status status = reel_dataset_open(&d, root, "train", NULL, 0, &why);
        const bool between = size % 1024 == 0 && size >= 2048; /* members; one sample is whole */
        cr_expect((status == REEL_OK) == between, "%zu of %zu bytes: status %d, %s", size, whole,
                  (int)status, why.message);
        if (status != REEL_OK)
            continue;
        cr_expect(strstr(reel_dataset_note(d, 0), "train-0.tar has no end mark") != NULL,
                  "%zu bytes: %s", size, reel_dataset_note(d, 0));
        reel_dataset_destroy(d);
    }
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    d = opened(root, "train");
    cr_expect_eq(reel_dataset_notes(d), 0);
    reel_dataset_destroy(d);
    reel_bytes_free(&tar);
}

Test(sources, what_a_shard_lacks_is_named)
{
    reel_bytes tar = {0};
    tar_put(&tar, "7.jpg", '0', "x", 1);
    tar_end(&tar);
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    refused(root, "train", "7.jpg has no label");
    refused(root, "val", "tar shards without a val part");
    tar.size = 0;
    tar_put(&tar, "8.cls", '0', "cat", 3);
    tar_end(&tar);
    write_file(join(root, "train-0.tar"), tar.data, tar.size);
    refused(root, "train", "8.cls: expected a class number");
    write_file(join(root, "train-0.tar"), "\x1f\x8b\x08\0\0\0\0\0\0\x03 and not deflate", 25);
    refused(root, "train", "gzip");
    reel_bytes_free(&tar);
}

Test(sources, more_shards_than_descriptors_can_be_read)
{
    reel_bytes tar = {0}, sample = {0};
    reel_error err;
    for (int i = 0; i < 230; i++) {
        char name[30], text[8];
        snprintf(name, sizeof name, "train-%03d.tar", i);
        const int n = snprintf(text, sizeof text, "P5 %d", i);
        tar.size = 0;
        tar_put(&tar, "a.pgm", '0', text, (size_t)n);
        tar_put(&tar, "a.cls", '0', "0", 1);
        tar_end(&tar);
        write_file(join(root, name), tar.data, tar.size);
    }
    const int64_t before = entries_of("/proc/self/fd");
    reel_dataset *d = opened(root, "train");
    const int64_t more = entries_of("/proc/self/fd") - before;
    cr_expect(more <= 202, "%" PRId64 " descriptors for 230 shards", more);
    for (int64_t i = 0; i < 230; i++) {
        MUST(reel_dataset_read(d, i, &sample, &err), err);
        sample.data[sample.size] = 0;
        cr_assert(atoi((char *)sample.data + 3) == i, "sample %" PRId64 " is %s", i,
                  (char *)sample.data);
    }
    reel_dataset_destroy(d);
    cr_expect(entries_of("/proc/self/fd") == before, "descriptors stay open");
    reel_bytes_free(&tar);
    reel_bytes_free(&sample);
}

Test(sources, a_list_forgives_windows_and_names_the_line_that_it_does_not_understand)
{
    char name[600];
    const char text[] = "\xef\xbb\xbfmy dir/a 1.jpg 2\r\n\r\n  \r\nb.jpg\t0  \r\n/abs/c.jpg 1";
    write_file(join(root, "train.txt"), text, sizeof text - 1);
    write_file(join(root, "b.jpg"), "x", 1);
    write_file(join(root, "z.jpg"), "x", 1);
    write_file(join(root, "q.jpg"), "x", 1);
    reel_dataset *d = opened(root, "train");
    static const char *const names[] = {"my dir/a 1.jpg", "b.jpg", "/abs/c.jpg"};
    static const int64_t labels[] = {2, 0, 1};
    cr_assert(reel_dataset_count(d) == 3 && reel_dataset_classes(d) == 3);
    for (int64_t i = 0; i < 3; i++) {
        reel_dataset_sample_name(d, i, name, sizeof name);
        cr_expect(strcmp(name, names[i]) == 0, "sample %" PRId64 ": \"%s\", expected \"%s\"", i,
                  name, names[i]);
        cr_expect(reel_dataset_label(d, i) == labels[i],
                  "sample %" PRId64 ": label %" PRId64 ", expected %" PRId64, i,
                  reel_dataset_label(d, i), labels[i]);
    }
    reel_dataset_destroy(d);
    write_file(join(root, "train.txt"), "a.jpg 0\nb.jpg\n", 14);
    refused(root, "train", "line 2: expected");
    write_file(join(root, "train.txt"), "a.jpg 0\nb\0.jpg 1\n", 17);
    refused(root, "train", "line 2: it holds a zero byte");
    write_file(join(root, "train.txt"), "\n\n", 2);
    refused(root, "train", "no samples");

    /* Numbers may be names where one label is none; a file leads to its neighbour. */
    write_file(join(root, "train.csv"), "x,y.jpg,cat\nz.jpg,10\nw.jpg,9\n", 29);
    write_file(join(root, "test.csv"), "q.jpg,cat\n", 10);
    unlink(join(root, "train.txt"));
    d = opened(join(root, "train.csv"), "train");
    cr_expect(reel_dataset_classes(d) == 3 && strcmp(reel_dataset_class_name(d, 0), "10") == 0 &&
              strcmp(reel_dataset_class_name(d, 2), "cat") == 0);
    reel_dataset_destroy(d);
    d = opened(join(root, "train.csv"), "val");
    cr_expect(reel_dataset_count(d) == 1);
    reel_dataset_destroy(d);

    /* A first line that names the columns is no image. */
    write_file(join(root, "train.csv"), "path,Label\nz.jpg,1\nw.jpg,0\n", 27);
    d = opened(join(root, "train.csv"), "train");
    cr_expect(reel_dataset_count(d) == 2 && reel_dataset_classes(d) == 2,
              "%" PRId64 " samples of %" PRId64 " classes", reel_dataset_count(d),
              reel_dataset_classes(d));
    reel_dataset_destroy(d);
}

Test(sources, the_devkits_ids_are_not_taken_for_class_indices)
{
    char name[60];
    static const int ids[5] = {490, 361, 171, 822, 297}, ranks[5] = {65, 970, 230, 809, 516};
    reel_bytes text = {0};
    reel_error err;
    make_folder(join(root, "val"));
    MUST(reel_bytes_reserve(&text, 4096, &err), err);
    for (int kind = 0; kind < 2; kind++) {
        text.size = 0;
        for (int i = 0; i < 5; i++) {
            snprintf(name, sizeof name, "val/ILSVRC2012_val_%08d.JPEG", i + 1);
            write_file(join(root, name), "x", 1);
            text.size +=
                (size_t)snprintf((char *)text.data + text.size, 100,
                                 "ILSVRC2012_val_%08d.JPEG %d\n", i + 1, kind ? ranks[i] : ids[i]);
        }
        write_file(join(root, "val.txt"), text.data, text.size);
        if (kind == 0)
            refused(root, "val", "the devkit's ids, not ranks");
    }
    reel_dataset *d = opened(root, "val");
    for (int64_t i = 0; i < 5; i++)
        cr_expect(reel_dataset_label(d, i) == ranks[i],
                  "image %" PRId64 ": label %" PRId64 ", expected %d", i, reel_dataset_label(d, i),
                  ranks[i]);
    reel_dataset_destroy(d);
    unlink(join(root, "val.txt"));
    refused(root, "val", "no labels for them");
    write_file(join(root, "ILSVRC2012_validation_ground_truth.txt"), "490\n361\n", 8);
    refused(root, "val", "expected its meta.mat");
    reel_bytes_free(&text);
}

Test(sources, wrong_cifar_and_idx_files_say_what_is_wrong)
{
    static uint8_t records[2 * 3073] = {9};
    write_file(join(root, "data_batch_1.bin"), records, sizeof records - 1);
    refused(root, "train", "data_batch_1.bin: 6145 bytes, expected a multiple of 3073");
    records[3073] = 10;
    write_file(join(root, "data_batch_1.bin"), records, sizeof records);
    refused(root, "train", "record 1 has label 10, expected 0 to 9");
    refused(root, "val", "CIFAR without a val part");
    unlink(join(root, "data_batch_1.bin"));

    uint8_t images[16 + 8] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2},
                        labels[10] = {0, 0, 8, 1, 0, 0, 0, 3};
    write_file(join(root, "train-images-idx3-ubyte"), images, sizeof images);
    refused(root, "train", "no labels beside it");
    write_file(join(root, "train-labels-idx1-ubyte"), labels, sizeof labels);
    refused(root, "train", "2 images and 3 labels");
    labels[7] = 2;
    write_file(join(root, "train-labels-idx1-ubyte"), labels, sizeof labels);
    write_file(join(root, "train-images-idx3-ubyte"), images, sizeof images - 1);
    refused(root, "train", "cut: 2 images of 2 x 2");
    images[4] = 0xff, images[8] = 0xff, labels[4] = 0xff;
    write_file(join(root, "train-images-idx3-ubyte"), images, sizeof images);
    write_file(join(root, "train-labels-idx1-ubyte"), labels, sizeof labels);
    refused(root, "train", "idx image");
    memset(images + 4, 0xff, 12); /* sides whose product does not fit in 64 bits */
    write_file(join(root, "train-images-idx3-ubyte"), images, sizeof images);
    refused(root, "train", "idx image");
}

Test(sources, drawn_images_are_the_same_whoever_reads_them_and_differ_between_the_splits)
{
    reel_bytes a = {0}, b = {0};
    reel_error err;
    reel_dataset *train = opened("synth:train=3,val=2,classes=4,size=40,seed=7", "train");
    reel_dataset *val = opened("synth:train=3,val=2,classes=4,size=40,seed=7", "val");
    cr_assert(reel_dataset_count(train) == 12 && reel_dataset_count(val) == 8 &&
              reel_dataset_classes(val) == 4);
    cr_expect(reel_dataset_label(train, 3) == 1 &&
              strcmp(reel_dataset_class_name(train, 1), "cross") == 0);
    MUST(reel_dataset_read(train, 5, &a, &err), err);
    MUST(reel_dataset_read(train, 0, &b, &err), err);
    MUST(reel_dataset_read(train, 5, &b, &err), err);
    cr_expect(a.size == b.size && first_difference(a.data, b.data, (int64_t)a.size) < 0,
              "drawn twice: other pixels");
    MUST(reel_dataset_read(val, 2, &b, &err), err);
    cr_expect(a.size != b.size || first_difference(a.data, b.data, (int64_t)a.size) >= 0,
              "the same image in both splits");
    reel_bytes_free(&a);
    reel_bytes_free(&b);
    reel_dataset_destroy(train);
    reel_dataset_destroy(val);
    refused("synth:size=8", "train", "size=32..4096");
    refused("synth:bogus=1", "train", "'bogus=1'");
}

/* Live memory of 200,000 samples, names of 40 bytes included. */
Test(sources, a_sample_costs_at_most_150_bytes)
{
    enum { N = 200000 };
    FILE *file = fopen(join(root, "train.txt"), "w");
    for (int i = 0; i < N; i++)
        fprintf(file, "n%08d/n%08d_%016d.JPEG %d\n", i % 1000, i % 1000, i, i % 1000);
    fclose(file);
    make_folder(join(root, "n00000000"));
    write_file(join(root, "n00000000/n00000000_0000000000000000.JPEG"), "x", 1);
    for (int kind = 0; kind < 2; kind++) {
        reel_error err;
        const struct mallinfo2 before = mallinfo2();
        reel_dataset *d = NULL;
        reel_piece_list *p = NULL;
        if (kind == 0) {
            d = opened(root, "train");
        } else {
            char name[60];
            MUST(reel_pieces_new(&p, &err), err);
            for (int i = 0; i < N; i++) {
                snprintf(name, sizeof name, "n%08d/n%08d_%016d.JPEG", i % 1000, i % 1000, i);
                MUST(reel_pieces_add(p, &(reel_piece){.offset = 512}, name, &err), err);
            }
        }
        const struct mallinfo2 after = mallinfo2();
        const double each =
            (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / N;
        cr_expect(each <= 150, "%s: %.1f bytes a sample, expected at most 150",
                  kind ? "pieces" : "files", each);
        if (each > 0)
            cr_log_info("%.1f bytes", each);
        reel_dataset_destroy(d);
        reel_pieces_destroy(p);
    }
}

/* Writes six images, packs them into shards of four, reads them back; then one bit falls over. */
Test(sources, a_packed_shard_knows_when_a_bit_fell_over)
{
    reel_error err = {0};
    make_folder(join(root, "d"));
    make_folder(join(root, "d/a"));
    make_folder(join(root, "out"));
    for (uint32_t i = 0; i < 6; i++) {
        char name[30];
        reel_bytes image = encoded(30 + (int64_t)i, 40, i, false);
        snprintf(name, sizeof name, "d/a/%u.jpg", i);
        write_file(join(root, name), image.data, image.size);
        reel_bytes_free(&image);
    }
    reel_dataset *d, *packed;
    MUST(reel_dataset_folder(&d, join(root, "d"), &err), err);
    reel_pack_result r;
    const reel_pack_config c = {
        .size = 20, .raw = true, .per_shard = 4, .threads = 2, .max_bad = 0.5};
    MUST(reel_pack_split(&r, d, join(root, "out"), "train", &c, &err), err);
    cr_expect(r.images == 6 && r.bad == 0 && r.resumed == 0);
    const char json[] = "{\"format\": \"reel-pack\", \"splits\": {\"train\": {\"shards\": 2}}}";
    write_file(join(root, "out/pack.json"), json, sizeof json - 1);
    MUST(reel_pack_verify(join(root, "out"), "train", 2, &c, &err), err);
    MUST(reel_pack_split(&r, d, join(root, "out"), "train", &c, &err), err);
    cr_expect(r.images == 6 && r.resumed == 6, "%" PRId64 " of %" PRId64 " were there already",
              r.resumed, r.images);

    packed = opened(join(root, "out"), "train");
    reel_bytes bytes = {0};
    int64_t width, height;
    for (int64_t i = 0; i < 6; i++) {
        MUST(reel_dataset_read(packed, i, &bytes, &err), err);
        MUST(reel_image_size(bytes.data, bytes.size, &width, &height, &err), err);
        cr_expect((width < height ? width : height) == 20,
                  "image %" PRId64 " is %" PRId64 " x %" PRId64, i, width, height);
    }
    reel_dataset_destroy(packed);
    reel_bytes tar = read_file(join(root, "out/train-00001.tar"));
    tar.data[600] ^= 1;
    write_file(join(root, "out/train-00001.tar"), tar.data, tar.size);
    packed = opened(join(root, "out"), "train");
    cr_expect(reel_dataset_read(packed, 4, &bytes, &err) == REEL_ERR_FORMAT &&
                  strstr(err.message, "CRC-32") != NULL,
              "%s", err.message);
    cr_expect(reel_dataset_read(packed, 5, &bytes, &err) == REEL_OK);
    cr_expect(reel_pack_verify(join(root, "out"), "train", 2, &c, &err) == REEL_ERR_FORMAT);
    reel_dataset_destroy(packed);
    reel_dataset_destroy(d);
    reel_bytes_free(&bytes);
    reel_bytes_free(&tar);
}
