"""Kernels for NVIDIA GPUs: CUDA C++ in ``src/``, compiled when it is first needed, by NVRTC, which comes with
``jax[cuda12]`` and ``jax[cuda13]``.

The sources keep to a subset that is C++ too, so that a machine without a GPU tests them. What a GPU launches is planned in
Python, from the shapes alone; one handler launches it.
"""
