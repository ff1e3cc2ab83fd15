/* fine: exit() and malloc() in a comment */
#include "core/a.h"
int main(void)
{
}
