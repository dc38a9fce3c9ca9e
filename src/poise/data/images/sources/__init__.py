"""What pictures lie in: folders, archives, arrays; told by their content, decoded, turned upright."""
