/* ImageNet as it is handed out: tars of tars, one folder of validation images, and labels that lie
 * beside them as ids, WNIDs or ranks. Whole datasets are in tests/integration/sources.sh. */
#include "data/sources/common/matlab.h"
#include "data/sources/common/val_labels.h"
#include "tests/unit/data/fuzz_seeds.h"
#include "tests/unit/data/mat_of.h"
#include "tests/unit/data/sets.h"

TestSuite(imagenet, .init = make_root, .fini = remove_root);

#define TRAIN "ILSVRC2012_img_train.tar"
#define VAL "ILSVRC2012_img_val.tar"

static void write_tar(const char *name, reel_bytes *tar)
{
    tar_end(tar);
    write_file(join(root, name), tar->data, tar->size);
    tar->size = 0;
}

/* A member CLASS.tar that holds these files of one letter. */
static void put_class(reel_bytes *tar, const char *name, const char *const *files)
{
    reel_bytes inner = {0};
    for (int i = 0; files[i]; i++)
        tar_put(&inner, files[i], '0', "x", 1);
    tar_end(&inner);
    tar_put(tar, name, '0', inner.data, inner.size);
    reel_bytes_free(&inner);
}

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the training tar ---- */

Test(imagenet, classes_of_the_training_tar_are_sorted_wnids_and_only_images_count)
{
    reel_bytes tar = {0};
    put_class(&tar, "n02.tar", FILES("n02_2.JPEG", "n02_1.JPEG"));
    tar_put(&tar, "README", '0', "text", 4);
    put_class(&tar, "n01.tar", FILES("n01_7.JPEG", ".hidden.JPEG", "notes.txt"));
    write_tar(TRAIN, &tar);
    reel_dataset *d = opened(root, "train");
    expect_samples(d, TRAIN "/n01/n01_7.JPEG=n01 " TRAIN "/n02/n02_1.JPEG=n02 " TRAIN
                            "/n02/n02_2.JPEG=n02");
    reel_dataset_destroy(d);
    refused(root, "val", "without a val part");
    reel_bytes_free(&tar);
}

Test(imagenet, a_training_tar_that_cannot_be_says_why)
{
    reel_bytes tar = {0};
    tar_put(&tar, "README", '0', "text", 4);
    write_tar(TRAIN, &tar);
    refused(root, "train", TRAIN ": expected one tar for each class in it, found none");

    put_class(&tar, "n01.tar", FILES("n01_7.JPEG"));
    put_class(&tar, "again/n01.tar", FILES("n01_8.JPEG"));
    write_tar(TRAIN, &tar);
    refused(root, "train", TRAIN ": it holds two tars of the same class");

    put_class(&tar, "n01.tar", FILES("n01_7.JPEG"));
    put_class(&tar, "n02.tar", FILES("notes.txt"));
    write_tar(TRAIN, &tar);
    refused(root, "train", TRAIN ": n02.tar: no images in it");
    reel_bytes_free(&tar);
}

/* ---- the validation tar and folder ---- */

static void write_text(const char *name, const char *text)
{
    write_file(join(root, name), text, strlen(text));
}

Test(imagenet, validation_images_without_a_label_are_named)
{
    reel_bytes tar = {0};
    tar_put(&tar, "ILSVRC2012_val_00000001.JPEG", '0', "x", 1);
    tar_put(&tar, "ILSVRC2012_val_00000002.JPEG", '0', "y", 1);
    write_tar(VAL, &tar);
    write_text("val.txt", "ILSVRC2012_val_00000001.JPEG 1\n");
    refused(root, "val", "val.txt has no label for ILSVRC2012_val_00000002.JPEG");
    write_text("val.txt", "ILSVRC2012_val_00000001.JPEG 1\n\nILSVRC2012_val_00000002.JPEG 0\n");
    reel_dataset *d = opened(root, "val");
    expect_samples(d, VAL "/ILSVRC2012_val_00000002.JPEG=0 " VAL "/ILSVRC2012_val_00000001.JPEG=1");
    reel_dataset_destroy(d);

    tar_put(&tar, "README", '0', "text", 4);
    write_tar(VAL, &tar);
    refused(root, "val", VAL ": no images in it");
    refused(root, "train", "without a train part");
    reel_bytes_free(&tar);
}

Test(imagenet, a_flat_folder_of_validation_images_is_read_by_the_labels_beside_it)
{
    make_folder(join(root, "val"));
    write_text("val/ILSVRC2012_val_00000001.JPEG", "x");
    write_text("val/ILSVRC2012_val_00000002.JPEG", "y");
    write_text("val/notes.txt", "text");
    write_text("val/.hidden.JPEG", "z");
    write_text("val.txt", "ILSVRC2012_val_00000001.JPEG 1\n");
    refused(root, "val", "val.txt has no label for ILSVRC2012_val_00000002.JPEG");
    write_text("val.txt", "ILSVRC2012_val_00000001.JPEG 1\nILSVRC2012_val_00000002.JPEG 0\n");
    reel_dataset *d = opened(root, "val");
    cr_expect_eq(reel_dataset_count(d), 2);
    cr_expect(reel_dataset_label(d, 0) == 1 && reel_dataset_label(d, 1) == 0);
    reel_dataset_destroy(d);
}

/* The training tar tells the classes; a damaged one is named. */
Test(imagenet, labels_of_validation_images_are_those_of_the_training_tar_beside_them)
{
    reel_bytes tar = {0};
    put_class(&tar, "n02.tar", FILES("n02_1.JPEG"));
    put_class(&tar, "n05.tar", FILES("n05_1.JPEG"));
    write_tar(TRAIN, &tar);
    make_folder(join(root, "val"));
    write_text("val/ILSVRC2012_val_00000001.JPEG", "x");
    write_text("LOC_val_solution.csv",
               "ImageId,PredictionString\nILSVRC2012_val_00000001,n05 1 2 3 4\n");
    reel_dataset *d = opened(root, "val");
    expect_samples(d, "ILSVRC2012_val_00000001.JPEG=n05");
    cr_expect_eq(reel_dataset_label(d, 0), 1);
    reel_dataset_destroy(d);

    write_file(join(root, TRAIN), "no tar", 6);
    refused(root, "val", TRAIN ": tar: cut at 6, in the middle of a header");
    reel_bytes_free(&tar);
}

/* ---- the devkit ---- */

static const char *const wnids[] = {"n03", "n01", "n02"};

static reel_bytes text_of(const char *text)
{
    reel_bytes bytes = {0};
    reel_error err;
    MUST(reel_bytes_reserve(&bytes, strlen(text) + 1, &err), err);
    memcpy(bytes.data, text, strlen(text));
    bytes.size = strlen(text);
    return bytes;
}

static reel_bytes meta_of(uint32_t id_type)
{
    reel_bytes array = mat_synsets(id_type, wnids, REEL_COUNT(wnids));
    const reel_bytes file = mat_file(array.data, array.size);
    reel_bytes_free(&array);
    return file;
}

Test(imagenet, ids_are_read_from_numbers_of_every_type)
{
    static const uint32_t types[] = {MAT_INT8,  MAT_UINT8,  MAT_INT16, MAT_UINT16,
                                     MAT_INT32, MAT_UINT32, MAT_DOUBLE};
    for (int i = 0; i < REEL_COUNT(types); i++) {
        reel_names names = {0};
        reel_error err;
        reel_bytes meta = meta_of(types[i]);
        MUST(reel_matlab_synsets(&names, meta.data, meta.size, &err), err);
        cr_assert_eq(reel_names_count(&names), 3, "type %u", types[i]);
        for (int k = 0; k < 3; k++)
            cr_expect_str_eq(reel_names_at(&names, k), wnids[k], "type %u, id %d: %s", types[i],
                             k + 1, reel_names_at(&names, k));
        reel_names_free(&names);
        reel_bytes_free(&meta);
    }

    reel_names names = {0};
    reel_error err = {0};
    reel_bytes meta = meta_of(MAT_SINGLE);
    cr_expect_eq(reel_matlab_synsets(&names, meta.data, meta.size, &err), REEL_ERR_FORMAT);
    check_message(&err);
    cr_expect_eq(reel_matlab_synsets(&names, meta.data, 127, &err), REEL_ERR_FORMAT);
    cr_expect_str_eq(err.message, "expected a MAT-file of level 5, little-endian");
    reel_names_free(&names);
    reel_bytes_free(&meta);
}

/* A devkit's lines with classes that are known (NULL-terminated; none: those of the devkit). */
static reel_status parse_ids(reel_val_labels *labels, reel_names *classes, const char *lines,
                             const char *const *known, const reel_bytes *meta, reel_error *err)
{
    *labels = (reel_val_labels){0};
    *classes = (reel_names){0};
    for (int i = 0; known && known[i]; i++)
        MUST(reel_names_add(classes, known[i], strlen(known[i]), err), *err);
    reel_bytes truth = text_of(lines);
    const reel_status status =
        reel_val_labels_parse_ids(labels, classes, "truth.txt", &truth, meta, err);
    reel_bytes_free(&truth);
    return status;
}

Test(imagenet, the_devkits_ids_become_ranks_of_wnids_with_or_without_training_data)
{
    reel_val_labels labels;
    reel_names classes;
    reel_error err;
    reel_bytes meta = meta_of(MAT_DOUBLE);
    MUST(parse_ids(&labels, &classes, "1\n\n3\n2\n", NULL, &meta, &err), err);
    cr_assert_eq(reel_names_count(&classes), 3);
    cr_expect_str_eq(reel_names_at(&classes, 0), "n01");
    cr_expect_str_eq(reel_names_at(&classes, 2), "n03");
    cr_expect_eq(reel_val_label(&labels, "val/ILSVRC2012_val_00000001.JPEG"), 2);
    cr_expect_eq(reel_val_label(&labels, "ILSVRC2012_val_00000002.JPEG"), 1);
    cr_expect_eq(reel_val_label(&labels, "ILSVRC2012_val_00000003.JPEG"), 0);
    cr_expect_eq(reel_val_label(&labels, "ILSVRC2012_val_00000004.JPEG"), -1);
    cr_expect_eq(reel_val_label(&labels, "other.JPEG"), -1);
    reel_val_labels_free(&labels);
    reel_names_free(&classes);

    static const char *const two[] = {"n01", "n02", NULL};
    MUST(parse_ids(&labels, &classes, "3\n2\n", two, &meta, &err), err);
    cr_expect_eq(reel_val_label(&labels, "x_1.JPEG"), 1);
    cr_expect_eq(reel_val_label(&labels, "x_2.JPEG"), 0);
    reel_val_labels_free(&labels);
    reel_names_free(&classes);
    reel_bytes_free(&meta);
}

Test(imagenet, a_devkit_that_cannot_be_says_which_line)
{
    static const char *const two[] = {"n01", "n02", NULL};
    static const struct {
        const char *lines, *message;
        const char *const *known;
    } cases[] = {
        {"1\n4\n", "truth.txt: line 2: expected an id from 1 to 3", NULL},
        {"0\n", "truth.txt: line 1: expected an id from 1 to 3", NULL},
        {"n01\n", "truth.txt: line 1: expected an id from 1 to 3", NULL},
        {"2\n1\n", "truth.txt: class n03 is not among those of the training data", two},
    };
    reel_bytes meta = meta_of(MAT_DOUBLE);
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_val_labels labels;
        reel_names classes;
        reel_error err = {0};
        cr_expect_neq(parse_ids(&labels, &classes, cases[i].lines, cases[i].known, &meta, &err),
                      REEL_OK);
        cr_expect_str_eq(err.message, cases[i].message, "case %d: %s", i, err.message);
        reel_val_labels_free(&labels);
        reel_names_free(&classes);
    }

    reel_val_labels labels;
    reel_names classes;
    reel_error err = {0};
    meta.size = 100;
    cr_expect_eq(parse_ids(&labels, &classes, "1\n", NULL, &meta, &err), REEL_ERR_FORMAT);
    cr_expect_str_eq(err.message,
                     "truth.txt: meta.mat: expected a MAT-file of level 5, little-endian");
    reel_val_labels_free(&labels);
    reel_names_free(&classes);
    reel_bytes_free(&meta);
}

/* meta.mat and the lines come as one tar, too. */
Test(imagenet, a_devkits_tar_needs_both_of_its_files)
{
    reel_bytes tar = {0}, meta = meta_of(MAT_UINT16);
    make_folder(join(root, "val"));
    write_text("val/ILSVRC2012_val_00000001.JPEG", "x");
    tar_put(&tar, "kit/data/meta.mat", '0', meta.data, meta.size);
    write_tar("ILSVRC2012_devkit_t12.tar.gz", &tar); /* not packed: read as it is */
    refused(root, "val", "expected meta.mat and ILSVRC2012_validation_ground_truth.txt in it");

    tar_put(&tar, "kit/data/meta.mat", '0', meta.data, meta.size);
    tar_put(&tar, "kit/data/ILSVRC2012_validation_ground_truth.txt", '0', "1\n", 2);
    write_tar("ILSVRC2012_devkit_t12.tar.gz", &tar);
    reel_dataset *d = opened(root, "val");
    expect_samples(d, "ILSVRC2012_val_00000001.JPEG=n03");
    reel_dataset_destroy(d);

    write_file(join(root, "ILSVRC2012_devkit_t12.tar.gz"), "no tar", 6);
    refused(root, "val", "ILSVRC2012_devkit_t12.tar.gz: tar: cut at 6");
    reel_bytes_free(&tar);
    reel_bytes_free(&meta);
}
