"""Metrics of clips, most of them of a clip beside its recording: spectra, pitch, what is heard."""
