"""The integer set of the fully quantized mode on GPUs: int16 codes in, int16 codes out."""
