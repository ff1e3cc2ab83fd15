/* Weight files and disks: full ones, names that cannot be written, devices, files that are
 * replaced. */
#include "tests/unit/core/weights_util.h"

#include <fcntl.h>

#include "core/files/atomic_file.h"
#include "core/files/byte_source.h"

TestSuite(weights_disk, .init = make_folder, .fini = remove_folder);

Test(weights_disk, a_full_disk_is_an_error_and_leaves_the_old_file)
{
    char path[128];
    in_folder(path, "full.safetensors");
    static float memory[100000];
    const reel_tensor small = reel_tensor_of(memory, REEL_F32, 1, (int64_t[]){4});
    const reel_tensor large = reel_tensor_of(memory, REEL_F32, 1, (int64_t[]){100000});
    memory[0] = 42;
    reel_weights_writer *writer = new_writer();
    add(writer, "w", &small);
    save(writer, path);
    reel_weights_writer_destroy(writer);

    writer = new_writer();
    add(writer, "w", &large);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 65536;
    setrlimit(RLIMIT_FSIZE, &limit);
    reel_error err = {0};
    const reel_status status = reel_weights_writer_save(writer, path, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    reel_weights_writer_destroy(writer);
    cr_assert_eq(status, REEL_ERR_IO);
    cr_assert(strstr(err.message, path) && strstr(err.message, strerror(EFBIG)), "%s", err.message);
    cr_assert_eq(entries_in_folder(), 1, "a temporary file was left");
    reel_weights *weights = read_back(path);
    cr_assert_eq(*(const float *)reel_weights_at(weights, 0)->data, 42.0f, "the old file is gone");
    reel_weights_destroy(weights);
}

Test(weights_disk, names_that_cannot_be_written_are_errors_with_the_path)
{
    char path[128];
    reel_weights_writer *writer = new_writer();
    reel_error err = {0};
    in_folder(path, "no-such-folder/w.safetensors");
    cr_assert_eq(reel_weights_writer_save(writer, path, &err), REEL_ERR_IO);
    cr_assert(strstr(err.message, path), "%s", err.message);
    in_folder(path, "folder");
    cr_assert_eq(mkdir(path, 0777), 0);
    cr_assert_eq(reel_weights_writer_save(writer, path, &err), REEL_ERR_IO,
                 "a folder was overwritten");
    cr_assert_eq(entries_in_folder(), 1, "a temporary file was left");
    reel_weights_writer_destroy(writer);
}

Test(weights_disk, a_device_or_pipe_is_not_replaced_by_a_file)
{
    char link[128], pipe[128];
    struct stat st;
    reel_weights_writer *writer = new_writer();
    in_folder(link, "link");
    in_folder(pipe, "pipe");
    cr_assert(symlink("/dev/null", link) == 0 && mkfifo(pipe, 0600) == 0);
    for (int i = 0; i < 2; i++) {
        reel_error err = {0};
        const char *path = i ? pipe : link;
        cr_expect_eq(reel_weights_writer_save(writer, path, &err), REEL_ERR_IO, "%s was replaced",
                     path);
        cr_expect(strstr(err.message, path) && strstr(err.message, "device or pipe"), "%s",
                  err.message);
    }
    cr_expect(lstat(link, &st) == 0 && S_ISLNK(st.st_mode), "the link is gone");
    cr_expect(lstat(pipe, &st) == 0 && S_ISFIFO(st.st_mode), "the pipe is gone");
    cr_expect_eq(entries_in_folder(), 2, "a temporary file was left");
    reel_weights_writer_destroy(writer);
}

/* A writer with one number, which is read when it saves. */
static reel_weights_writer *writer_of(const char *name, float *number)
{
    const reel_tensor t = reel_tensor_of(number, REEL_F32, 0, NULL);
    reel_weights_writer *writer = new_writer();
    add(writer, name, &t);
    return writer;
}

Test(weights_disk, saving_again_replaces_and_honours_the_umask)
{
    char path[128];
    in_folder(path, "again.safetensors");
    float x = 1;
    reel_weights_writer *writer = writer_of("x", &x);
    const mode_t mask = umask(027);
    save(writer, path);
    x = 2;
    save(writer, path);
    umask(mask);
    reel_weights_writer_destroy(writer);
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0640u, "mode %o", info.st_mode & 0777);
    reel_weights *weights = read_back(path);
    cr_assert_eq(*(const float *)reel_weights_at(weights, 0)->data, 2.0f);
    reel_weights_destroy(weights);
    cr_assert_eq(entries_in_folder(), 1);
}

Test(weights_disk, what_cannot_be_opened_is_an_error_with_the_path)
{
    char path[128];
    reel_weights *weights = NULL;
    reel_error err = {0};
    in_folder(path, "missing.safetensors");
    cr_assert_eq(reel_weights_read(&weights, path, &err), REEL_ERR_IO);
    cr_assert(strstr(err.message, path) && strstr(err.message, strerror(ENOENT)), "%s",
              err.message);
    cr_assert_eq(reel_weights_read(&weights, folder, &err), REEL_ERR_IO);
    cr_assert(strstr(err.message, "folder"), "%s", err.message);
    in_folder(path, "pipe");
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(reel_weights_read(&weights, path, &err), REEL_ERR_IO,
                 "a pipe without a writer must not block");
}

Test(weights_disk, a_file_that_shrinks_or_fails_while_it_is_read_is_an_error)
{
    char path[128], bytes[100] = {0};
    reel_byte_source source;
    reel_error err = {0};
    in_folder(path, "shrinks");
    cr_assert_eq(reel_atomic_write(path, bytes, sizeof bytes, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(reel_byte_source_open(&source, path, &err), REEL_OK, "%s", err.message);
    cr_assert_eq(truncate(path, 30), 0);
    cr_expect_eq(reel_byte_source_read(&source, 0, bytes, 30, &err), REEL_OK, "%s", err.message);
    cr_expect_eq(reel_byte_source_read(&source, 10, bytes, 40, &err), REEL_ERR_FORMAT);
    cr_expect(strstr(err.message, path) &&
                  strstr(err.message, "expected 100 bytes, got 30: it shrank while it was being "
                                      "read"),
              "%s", err.message);

    /* A descriptor that cannot be read, in place of a disk that fails. */
    close(source.fd);
    source.fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_expect_eq(reel_byte_source_read(&source, 0, bytes, 10, &err), REEL_ERR_IO);
    cr_expect(strstr(err.message, path) && strstr(err.message, strerror(EBADF)), "%s", err.message);
    reel_byte_source_close(&source);
}

Test(weights_disk, a_file_can_get_another_name_in_its_folder)
{
    char from[128], to[128], endless[5000];
    struct stat info;
    reel_error err = {0};
    cr_assert_eq(reel_atomic_write(in_folder(from, "one"), "1", 1, &err), REEL_OK);
    cr_expect_eq(reel_atomic_rename(from, in_folder(to, "two"), &err), REEL_OK, "%s", err.message);
    cr_expect(stat(from, &info) != 0 && stat(to, &info) == 0 && info.st_size == 1);
    cr_expect_eq(reel_atomic_rename(from, to, &err), REEL_ERR_IO);
    cr_expect(strstr(err.message, from) && strstr(err.message, strerror(ENOENT)), "%s",
              err.message);

    memset(endless, 'x', sizeof endless - 1);
    endless[4990] = '/';
    endless[sizeof endless - 1] = '\0';
    cr_expect_eq(reel_atomic_rename(to, endless, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "xxx...: the path is too long"), "%s", err.message);
    cr_expect(stat(to, &info) == 0, "the file is gone");
}

/* Another program's view of our files; skipped where there is no Python with numpy. */
Test(weights_disk, an_independent_reader_finds_what_was_written)
{
    const char *source = getenv("REEL_SOURCE");
    if (!source || system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0)
        cr_skip_test("needs REEL_SOURCE and /usr/bin/python3 with numpy");
    char path[128];
    in_folder(path, "python.safetensors");
    static float single[3 * 5 * 2 * 7];
    static double twice[15];
    reel_weights_writer *writer = new_writer();
    const reel_tensor conv = reel_tensor_of(single, REEL_F32, 4, sizes);
    const reel_tensor scalar = reel_tensor_of(twice, REEL_F64, 0, NULL);
    const reel_tensor matrix = reel_tensor_of(twice, REEL_F64, 2, sizes);
    const reel_tensor vector =
        reel_tensor_of((float[]){0, 0.125f, 0.25f}, REEL_F32, 1, (int64_t[]){3});
    number(&conv, 0.125);
    number(&matrix, 0.125);
    add(writer, "vector", &vector);
    add(writer, "conv", &conv);
    add(writer, "matrix \"\xc3\xa4\"", &matrix);
    add(writer, "scalar", &scalar);
    cr_assert_eq(reel_weights_writer_metadata(writer, "note", "crc32.header\":\"", NULL), REEL_OK);
    save(writer, path);
    reel_weights_writer_destroy(writer);
    char command[1024];
    snprintf(command, sizeof command,
             "/usr/bin/python3 '%s/tests/support/read_safetensors.py' '%s' >/dev/null", source,
             path);
    cr_assert_eq(system(command), 0, "%s", command);
    reel_weights *weights = read_back(path);
    reel_error err = {0};
    cr_assert_eq(reel_weights_verify(weights, &err), REEL_OK, "%s", err.message);
    reel_weights_destroy(weights);
}
