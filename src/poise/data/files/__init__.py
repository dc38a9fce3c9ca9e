"""What lies on a disk, of any kind: found, told by its content, counted, turned upright, kept prepared."""
