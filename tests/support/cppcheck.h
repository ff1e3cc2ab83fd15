/* What cppcheck must know of libraries whose headers it does not read: lint.sh includes this. */
#define json_array_foreach(array, index, value)                                                    \
    for (index = 0; index < json_array_size(array) && (value = json_array_get(array, index));      \
         index++)
