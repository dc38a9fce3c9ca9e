"""From pictures, sentences and clips to rows of numbers: pretrained networks, and one that is trained here."""
