/* Names what was given instead of a weight file. People hand over what they have downloaded: an
 * ONNX model, the error page of a server, a git-lfs pointer. Saying which saves them the search. */
#include <string.h>
#include <strings.h>

#include "core/files/weights_internal.h"

static bool begins(const unsigned char *bytes, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(bytes, magic, length) == 0;
}

static bool contains(const unsigned char *bytes, size_t size, const char *word)
{
    return memmem(bytes, size, word, strlen(word)) != NULL;
}

static const char *sniff_archive(const unsigned char *bytes, size_t size)
{
    if (contains(bytes, size, "data.pkl"))
        return "a PyTorch .pth file, but a damaged one";
    if (contains(bytes, size, ".npy"))
        return "a NumPy .npz file: convert it to safetensors first";
    return "a zip archive, but none that torch.save wrote: it has no data.pkl";
}

static const char *sniff_text(const unsigned char *bytes, size_t size)
{
    while (size > 0 && (strchr(" \t\r\n", bytes[0]) != NULL && bytes[0] != '\0'))
        bytes++, size--;
    if (begins(bytes, size, "version https://git-lfs", 23))
        return "a git-lfs pointer: the file itself has not been fetched (git lfs pull)";
    if ((size >= 9 && strncasecmp((const char *)bytes, "<!doctype", 9) == 0) ||
        (size >= 5 && strncasecmp((const char *)bytes, "<html", 5) == 0))
        return "an HTML page: the download was probably answered by an error or login page";
    if (size > 0 && bytes[0] == '<')
        return "an XML or HTML file";
    if (size > 0 && bytes[0] == '{')
        return "a JSON file";
    return NULL;
}

const char *reel_weights_sniff(const unsigned char *bytes, size_t size)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *name;
    } known[] = {
        {"\x89HDF\r\n\x1a\n", 8, "an HDF5 file (Keras?): convert it to safetensors first"},
        {"\x93NUMPY", 6, "a NumPy .npy file: convert it to safetensors first"},
        {"\x89PNG", 4, "a PNG image"},
        {"\xff\xd8\xff", 3, "a JPEG image"},
        {"GGUF", 4, "a GGUF file"},
        {"\x1f\x8b", 2, "a gzip file: unpack it first"},
    };

    if (size == 0)
        return "an empty file";
    if (begins(bytes, size, "PK\3\4", 4))
        return sniff_archive(bytes, size);
    for (int i = 0; i < REEL_COUNT(known); i++)
        if (begins(bytes, size, known[i].magic, known[i].length))
            return known[i].name;
    if (size > 1 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5 &&
        contains(bytes, size, "torch"))
        return "a Python pickle of PyTorch objects, but not as torch.save writes them";
    if (size > 1 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return "a Python pickle";
    if (size > 262 && memcmp(bytes + 257, "ustar", 5) == 0)
        return "a tar archive (the oldest PyTorch .pth files are such: load it in PyTorch and "
               "torch.save it again)";
    /* ONNX is a protobuf message: field 1, ir_version, a small number; then a string or an embedded
     * message. */
    if (size > 2 && bytes[0] == 0x08 && bytes[1] >= 1 && bytes[1] <= 32 && (bytes[2] & 7) == 2)
        return "an ONNX model";
    const char *text = sniff_text(bytes, size);
    return text ? text : "something else, or a damaged file";
}
