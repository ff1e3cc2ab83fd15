/* fine */
const char *f = "printf(exit)"; // exit
