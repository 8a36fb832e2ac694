"""What runs on the GPU, in Triton's language; only these modules import triton."""
