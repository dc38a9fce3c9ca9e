"""Files to tensors: named data sets, pictures of any kind, and the stream from a draw number to a batch.

`images`, `check`, `catalogue` and `fetch` never load torch, so that `poise data ...` answers at once; only
`stream` does.
"""
