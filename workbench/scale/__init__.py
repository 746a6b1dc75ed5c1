"""Many photos: what is done with one, over a folder, in processes or on a cluster; exactly one answer for each."""
