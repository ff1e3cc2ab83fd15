/* Processes below this one, and folders of a run: what is left behind when a launcher is killed. */
#ifndef REEL_TRAIN_CHILDREN_H
#define REEL_TRAIN_CHILDREN_H

#include <stdbool.h>

/* Orphans below this process become its children from now on, so that it can end them. */
void reel_children_adopt(void);
/* Waits until this process has no children, at most so many seconds; then kills, by their id, those
 * that are left and whoever they leave behind. */
void reel_children_end(double patience);
/* Removes a folder and all that lies in it. NULL and "" are fine. */
void reel_remove_folder(const char *path);

#endif
